/** `make accept-foundation`: kinds, policy, statement analysis and the command line, point by point. */
import { globSync } from "node:fs";
import { freshClone, tests } from "./proofs.ts";
import { type Outcome, accept, runCommand } from "./report.ts";

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
  { point: "1 fresh clone: make test", prove: () => freshClone(["make", "test"]) },
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
