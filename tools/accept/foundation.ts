/** `make accept-foundation`: kinds, policy, statement analysis and the command line, point by point. */
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Outcome, accept, pick, runCommand, runTests } from "./report.ts";

/** A clone of what is committed, with nothing of this checkout's packages or caches. */
function freshClone(): Outcome {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-clone-"));
  try {
    const clone = join(folder, "sallyport");
    const cloned = runCommand(["git", "clone", "--quiet", process.cwd(), clone]);
    if (!cloned.passed) return { passed: false, figure: cloned.output };
    const environment = { CI: "true", PATH: withoutPackages(process.env["PATH"] ?? "") };
    const cold = runCommand(["make", "test"], { cwd: clone, environment });
    if (!cold.passed) return { passed: false, figure: cold.output.slice(-2_000) };
    const warm = runCommand(["make", "test"], { cwd: clone, environment });
    const counts = warm.output.trimEnd().split("\n").at(-1) ?? "";
    return {
      passed: warm.passed,
      figure: `cold ${cold.seconds.toFixed(0)} s, warm ${warm.seconds.toFixed(0)} s, ${counts}`,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function withoutPackages(path: string): string {
  return path
    .split(":")
    .filter((folder) => !folder.includes("node_modules"))
    .join(":");
}

function tests(
  globs: readonly string[],
  names: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Outcome {
  const run = runTests(globs, environment);
  const missing = names.filter((name) => run.figures[name] === undefined);
  return {
    passed: run.passed && missing.length === 0,
    figure: [run.figure, pick(run.figures, names), `${run.seconds.toFixed(0)} s`]
      .filter((text) => text !== "")
      .join("; "),
  };
}

function decisionFigures(): Outcome {
  const { passed, output } = runCommand([process.execPath, "bench/policy.ts", "--summary"]);
  return { passed, figure: output.trimEnd().replaceAll("\n", "; ") };
}

function examples(): Outcome {
  const folders = globSync("examples/policies/*/").toSorted();
  const failed = folders.filter(
    (folder) =>
      !runCommand([process.execPath, "cli/main.ts", "lint", folder, "--strict"]).passed ||
      !runCommand([process.execPath, "cli/main.ts", "test", folder, "--require-coverage"]).passed,
  );
  const figure = `${folders.length} examples lint strictly and pass their tests with every rule exercised`;
  return {
    passed: folders.length >= 5 && failed.length === 0,
    figure: failed.length === 0 ? figure : `failing: ${failed.join(", ")}`,
  };
}

const AT_LENGTH = { FUZZ_RUNS: "100000" };

accept([
  { point: "1 fresh clone: make test", prove: freshClone },
  {
    point: "2a table of poisoned and hostile statements",
    prove: () => tests(["test/statements/*.test.ts"], ["statements.cases", "statements.survived"]),
  },
  {
    point: "2b metamorphic fuzz",
    prove: () => tests(["test/oracle/metamorphic.test.ts"], ["metamorphic.disguises"]),
  },
  {
    point: "2c oracle on a real PostgreSQL",
    prove: () => tests(["test/oracle/*.test.ts"], ["oracle.judged-read", "oracle.executed"]),
  },
  {
    point: "3a policy properties, 100,000 runs each",
    prove: () => tests(["test/policy/*.test.ts"], ["policy.properties"], AT_LENGTH),
  },
  { point: "3b decision figures", prove: decisionFigures },
  { point: "4a wrong files", prove: () => tests(["test/api/wrong-files.test.ts"], ["kinds.wrong-files"]) },
  {
    point: "4b fuzz of the reader",
    prove: () => tests(["test/api/*fuzz*.test.ts"], ["kinds.fuzz-runs"], { FUZZ_RUNS: "20000" }),
  },
  { point: "5 example policies", prove: examples },
]);
