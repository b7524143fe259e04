/**
 * Runs every property at length: each at least RUNS_MIN times, then again on new seeds until the minutes are used up. What counts as
 * a property test is whatever asks `test/support/fuzz.ts` how often to run.
 */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

const RUNS_MIN = 100_000;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    only: { type: "string", default: "test/**/*.test.ts" },
  },
});
const minutes = Number(values.minutes);
if (!Number.isFinite(minutes) || minutes < 0) {
  console.error(`fuzz: MINUTES must be a number, not "${values.minutes}"`);
  process.exit(2);
}

const files = globSync(values.only).filter((file) => readFileSync(file, "utf8").includes("support/fuzz.ts"));
if (files.length === 0) {
  console.error(`fuzz: no property test matches ${values.only}`);
  process.exit(2);
}

const endMs = Date.now() + minutes * 60_000;
let rounds = 0;
do {
  rounds += 1;
  const seed = Number(process.env["FUZZ_SEED"] ?? randomInt(2 ** 31));
  console.log(
    `fuzz: round ${rounds}, seed ${seed}, ${RUNS_MIN} runs of each property in ${files.length} files`,
  );
  const { status } = spawnSync(
    process.execPath,
    ["--test", "--test-concurrency=2", "--test-reporter=./tools/test/reporter.ts", ...files],
    { stdio: "inherit", env: { ...process.env, FUZZ_RUNS: String(RUNS_MIN), FUZZ_SEED: String(seed) } },
  );
  if (status !== 0) {
    console.error(`fuzz: found something; FUZZ_SEED=${seed} FUZZ_RUNS=${RUNS_MIN} has it again`);
    process.exit(1);
  }
} while (Date.now() < endMs && process.env["FUZZ_SEED"] === undefined);
console.log(`fuzz: nothing found in ${rounds} rounds`);
