/** The acceptance report: one line per point, honest about what was not shown. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export interface Outcome {
  readonly passed: boolean;
  readonly figure: string;
}
export interface Point {
  readonly point: string;
  readonly prove: () => Outcome;
}

/**
 * Runs the points in order and ends the process with 0 only when every one passed. POINTS="2 3a" runs those alone and says of
 * the others that they were not.
 */
export function accept(points: readonly Point[]): never {
  const wanted = process.env["POINTS"]?.split(/[\s,]+/).filter((name) => name !== "");
  const rows = points.map(({ point, prove }) => {
    if (wanted?.some((name) => point.startsWith(name)) === false)
      return { point, passed: undefined, figure: "POINTS leaves it out" };
    console.error(`… ${point}`);
    return { point, ...attempt(prove) };
  });
  for (const { point, passed, figure } of rows)
    console.log(`${point} · ${passed === undefined ? "not run" : passed ? "pass" : "FAIL"} · ${figure}`);
  process.exit(rows.every(({ passed }) => passed === true) ? 0 : 1);
}

function attempt(prove: () => Outcome): Outcome {
  try {
    return prove();
  } catch (error) {
    return { passed: false, figure: error instanceof Error ? error.message : String(error) };
  }
}

export interface TestRun extends Outcome {
  readonly figures: Readonly<Record<string, string>>;
  readonly seconds: number;
}

/** Runs test files and reads the figures that they hand over. */
export function runTests(
  globs: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): TestRun {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-accept-"));
  try {
    const figuresFile = join(folder, "figures.json");
    const startMs = Date.now();
    const { status, stdout } = spawnSync(
      process.execPath,
      [
        "--test",
        "--test-concurrency=4",
        "--test-timeout=1800000",
        "--test-reporter=./tools/test/reporter.ts",
        ...globs,
      ],
      {
        encoding: "utf8",
        maxBuffer: 64 * 1024 * 1024,
        env: {
          // As the Makefile runs them.
          NODE_COMPILE_CACHE: resolve(".cache/compiled"),
          ...process.env,
          CI: "true",
          FIGURES_FILE: figuresFile,
          ...environment,
        },
      },
    );
    if (status !== 0) console.error(stdout);
    const figures = JSON.parse(readFileSync(figuresFile, "utf8")) as Record<string, string>;
    const counts = stdout.trimEnd().split("\n").at(-1) ?? "";
    return { passed: status === 0, figure: counts, figures, seconds: (Date.now() - startMs) / 1000 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A command's success, its output, and how long it took. */
export function runCommand(
  command: readonly [string, ...string[]],
  options: { readonly cwd?: string; readonly environment?: Readonly<Record<string, string>> } = {},
): { passed: boolean; output: string; seconds: number } {
  const startMs = Date.now();
  const { status, stdout, stderr } = spawnSync(command[0], command.slice(1), {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.environment },
  });
  return { passed: status === 0, output: stdout + stderr, seconds: (Date.now() - startMs) / 1000 };
}

/** Picks figures by name for a report line; a missing one is said, not hidden. */
export function pick(figures: Readonly<Record<string, string>>, names: readonly string[]): string {
  return names.map((name) => `${name} ${figures[name] ?? "MISSING"}`).join(", ");
}
