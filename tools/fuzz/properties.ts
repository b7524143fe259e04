/**
 * The property tests, at length, again and again on new seeds. A round takes every file once, one at a time. The first is short
 * and finds out what each file costs; the next ones divide the time that is left among those that are still to come.
 */
import { Random } from "#test/fuzz/random.ts";
import type { LaneFinding, LaneReport } from "./lane.ts";
import { propertyFiles, runFile } from "./property-files.ts";

/** So much more than in `make test`, whose seed is the same each time, that what must have been seen is seen with any seed. */
const TIMES_FIRST = 2;
const TIMES_MAX = 1_000;
/** What runs when the time is up may take so long to come to its end. */
const GRACE_MS = 30_000;

export async function runProperties(seed: number, endMs: number): Promise<LaneReport> {
  const files = propertyFiles();
  if (files.length === 0) throw new Error("no file of properties was found");
  const lane = openLane(endMs);
  const rounds: number[] = [];
  while (Date.now() < endMs) {
    const round = rounds.length;
    const ran = await playRound(shuffled(files, seed + round), lane, (seed + round) % 2 ** 31);
    if (ran === 0) break;
    rounds.push(ran);
    console.log(`fuzz: properties: round ${round + 1}, ${ran} of ${files.length} files`);
  }
  if (lane.executions() === 0)
    lane.findings.push({ what: "no property ran", replay: "node tools/fuzz/run.ts --only properties" });
  const told = `files in each round: ${rounds.join(", ")} of ${files.length}`;
  return { name: "properties", executions: lane.executions(), told, findings: lane.findings };
}

interface Lane {
  readonly endMs: number;
  readonly findings: LaneFinding[];
  executions(): number;
  /** False when it was left out: it would not come to its end in time, or has told what it had to. */
  run(file: string, seed: number, sliceMs: number): Promise<boolean>;
}

function openLane(endMs: number): Lane {
  /** For once as often as in `make test`. What a file needs beside its properties is in it, so that it is too high. */
  const costsMs = new Map<string, number>();
  const findings: LaneFinding[] = [];
  const failed = new Set<string>();
  let executions = 0;
  return {
    endMs,
    findings,
    executions: () => executions,
    async run(file, seed, sliceMs) {
      const cost = costsMs.get(file);
      if (failed.has(file) || Date.now() + (cost ?? 0) >= endMs) return false;
      const affordable = cost === undefined ? TIMES_FIRST : Math.floor(sliceMs / cost);
      const times = Math.min(TIMES_MAX, Math.max(1, affordable));
      const run = await runFile(file, { seed, times, endMs: endMs + GRACE_MS });
      executions += run.executions;
      costsMs.set(file, (run.seconds * 1000) / times);
      if (run.finding !== undefined) {
        findings.push(run.finding);
        failed.add(file);
      }
      return true;
    },
  };
}

/** How many files ran. */
async function playRound(files: readonly string[], lane: Lane, seed: number): Promise<number> {
  let ran = 0;
  for (const [index, file] of files.entries()) {
    const sliceMs = Math.max(0, lane.endMs - Date.now()) / (files.length - index);
    if (await lane.run(file, seed, sliceMs)) ran += 1;
  }
  return ran;
}

/** In another order with each seed: where time is short, others are left out each time. */
function shuffled<Value>(values: readonly Value[], seed: number): Value[] {
  const random = new Random(seed);
  const left = [...values];
  const order: Value[] = [];
  while (left.length > 0) order.push(...left.splice(random.below(left.length), 1));
  return order;
}
