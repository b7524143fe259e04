/** What several acceptance reports prove in the same way. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Outcome, pick, runCommand, runTests } from "./report.ts";

/** In a clone of what is committed, with nothing of this checkout's packages or caches: `first`, then `make test` again, warm. */
export function freshClone(...commands: readonly (readonly [string, ...string[]])[]): Outcome {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-clone-"));
  // Servers run as another user when we are root, and have to reach their programs.
  chmodSync(folder, 0o755);
  try {
    const clone = join(folder, "sallyport");
    const cloned = runCommand(["git", "clone", "--quiet", process.cwd(), clone]);
    if (!cloned.passed) return { passed: false, figure: cloned.output };
    const environment = { CI: "true", PATH: withoutPackages(process.env["PATH"] ?? "") };
    const times: string[] = [];
    for (const command of commands) {
      const run = runCommand(command, { cwd: clone, environment });
      if (!run.passed) return { passed: false, figure: `${command.join(" ")}: ${run.output.slice(-2_000)}` };
      times.push(`${command.join(" ")} ${run.seconds.toFixed(0)} s`);
    }
    const warm = runCommand(["make", "test"], { cwd: clone, environment });
    const counts = warm.output.trimEnd().split("\n").at(-1) ?? "";
    return {
      passed: warm.passed,
      figure: `${[...times, `warm ${warm.seconds.toFixed(0)} s`].join(", ")}, ${counts}`,
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

/** Passed when every test has, and every figure was handed over. */
export function tests(
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

/** A program of figures, told in one line. Passed when it succeeds and speaks of all `names`. */
export function figures(command: readonly [string, ...string[]], names: readonly string[] = []): Outcome {
  const { passed, output } = runCommand(command);
  const lines = output.split("\n").map((line) => line.trim().replaceAll(/ {2,}/g, "  "));
  const missing = names.filter((name) => !output.includes(name)).map((name) => `${name} MISSING`);
  return {
    passed: passed && missing.length === 0,
    figure: [...lines.filter((line) => line !== ""), ...missing].join("; "),
  };
}

/** What a layer's own tests take, side by side as `make test` runs them, on a machine that has built Kubernetes already. */
export function addedTime(globs: readonly string[], secondsMax: number): Outcome {
  const { passed, figure, seconds } = runTests(globs);
  return {
    passed: passed && seconds <= secondsMax,
    figure: `${seconds.toFixed(0)} s of at most ${secondsMax}; ${figure}`,
  };
}

/** A program of `bench/` by its name, with its options. */
export function bench(words: string, names: readonly string[]): Outcome {
  const [program = "", ...options] = words.split(" ");
  return figures([process.execPath, `bench/${program}.ts`, ...options], names);
}

/** Targets of the Makefile. Their whole output is shown; its last line and how long they took are the figure. */
export function made(words: readonly string[]): Outcome {
  const { passed, output, seconds } = runCommand(["make", ...words]);
  console.error(output);
  const last = output.trimEnd().split("\n").at(-1) ?? "";
  return { passed, figure: `${seconds.toFixed(0)} s; ${last}` };
}
