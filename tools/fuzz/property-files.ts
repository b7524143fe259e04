/** Which tests hold properties, and one of them run at length. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { LaneFinding } from "./lane.ts";

export interface PropertyRun {
  readonly executions: number;
  readonly seconds: number;
  readonly finding: LaneFinding | undefined;
}

const SUPPORT = "test/support/fuzz.ts";

/** Whatever asks test/support/fuzz.ts how often to run, by itself or through a helper beside it. */
export function propertyFiles(): string[] {
  const sources = new Map(globSync("test/**/*.ts").map((path) => [path, readFileSync(path, "utf8")]));
  const asks = (path: string): boolean => importsOf(path, sources.get(path) ?? "").includes(SUPPORT);
  return [...sources].flatMap(([path, source]) => {
    if (!path.endsWith(".test.ts")) return [];
    return asks(path) || importsOf(path, source).some(asks) ? [path] : [];
  });
}

function importsOf(path: string, source: string): string[] {
  return [...source.matchAll(/ from "([#.][^"]+)"/g)].map(([, to = ""]) =>
    to.startsWith("#") ? to.slice(1) : join(dirname(path), to),
  );
}

export interface RunOptions {
  readonly seed: number;
  /** Each property runs so many times as often as in `make test`. */
  readonly times: number;
  /** When it is ended, over or not. */
  readonly endMs: number;
}

export async function runFile(path: string, { seed, times, endMs }: RunOptions): Promise<PropertyRun> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-fuzz-"));
  const tally = join(folder, "tally");
  const startMs = Date.now();
  try {
    const settings = { FUZZ_TIMES: String(times), FUZZ_SEED: String(seed), FUZZ_TALLY: tally };
    const child = spawn(process.execPath, ["--test", "--test-reporter=./tools/test/reporter.ts", path], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...settings },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    let isCut = false;
    const cut = setTimeout(() => (isCut = child.kill("SIGTERM")), Math.max(0, endMs - startMs));
    const [code] = (await once(child, "close")) as [number | null];
    clearTimeout(cut);
    const executions = tallyIn(tally);
    const run = { executions, seconds: (Date.now() - startMs) / 1000 };
    // Of what is cut off, what was found until then.
    if (isCut ? !output.includes("FAILED") : code === 0) return { ...run, finding: undefined };
    console.log(output);
    const replay = `FUZZ_SEED=${seed} FUZZ_TIMES=${times} node --test ${path}`;
    return { ...run, finding: { what: `something does not hold in ${path}`, replay } };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One line for each property that came to its end. */
function tallyIn(file: string): number {
  const text = globSync(file).length === 0 ? "" : readFileSync(file, "utf8");
  return text.split("\n").reduce((sum, line) => sum + Number(line), 0);
}
