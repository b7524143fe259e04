/** The property tests, at length: whatever asks test/support/fuzz.ts how often to run, again and again on new seeds. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, readFileSync } from "node:fs";

const RUNS_MIN = 100_000;
/** No property holds up the others for longer than this part of the time that is left. */
const PROPERTY_SHARE = 1 / 60;
const PROPERTY_MS_MIN = 1_000;

/** False when one of them found something; its output says what. */
export async function runProperties(seed: number, endMs: number): Promise<boolean> {
  const files = globSync("test/**/*.test.ts").filter((file) => isProperty(readFileSync(file, "utf8")));
  for (let round = 0; Date.now() < endMs; round += 1) {
    const ms = Math.max(PROPERTY_MS_MIN, Math.floor((endMs - Date.now()) * PROPERTY_SHARE));
    const settings = {
      FUZZ_RUNS: String(RUNS_MIN),
      FUZZ_SEED: String((seed + round) % 2 ** 31),
      FUZZ_MS: String(ms),
    };
    const child = spawn(
      process.execPath,
      ["--test", "--test-concurrency=2", "--test-reporter=./tools/test/reporter.ts", ...files],
      { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...settings } },
    );
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    const cut = setTimeout(() => child.kill("SIGTERM"), Math.max(0, endMs - Date.now()));
    const [code] = (await once(child, "close")) as [number | null];
    clearTimeout(cut);
    // Out of time in the middle of a round: what was found until then has been told.
    if (Date.now() >= endMs && !output.includes("✖")) break;
    if (code !== 0) {
      console.log(output);
      console.log(`fuzz: properties: FUZZ_SEED=${settings.FUZZ_SEED} FUZZ_RUNS=${RUNS_MIN} has it again`);
      return false;
    }
    console.log(
      `fuzz: properties: round ${round + 1}, ${files.length} files, seed ${settings.FUZZ_SEED}, nothing`,
    );
  }
  return true;
}

const isProperty = (source: string): boolean => source.includes("test/support/fuzz.ts");
