/**
 * Compares a short run with the committed baseline: `node bench/check.ts`; ends with 1 where something has become worse by more than the
 * baseline's own runs differ from each other. `--record` makes the baseline anew, of five runs. Only on a machine that
 * does nothing else.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { BASELINE, readBaseline } from "./performance/files.ts";
import { GATEWAYS } from "./performance/kinds.ts";
import { amount, printRow } from "./performance/print.ts";
import {
  type Baseline,
  type Judgement,
  RUNS,
  isRegression,
  judge,
  problemOf,
  ratiosOf,
} from "./performance/regression.ts";
import type { Results } from "./performance/results.ts";
import { run } from "./performance/run.ts";

const { values } = parseArgs({ options: { record: { type: "boolean", default: false } } });
if (values.record) await record();
else process.exitCode = await check();

async function check(): Promise<number> {
  const baseline = readBaseline();
  const problem = typeof baseline === "string" ? baseline : problemOf(baseline);
  if (typeof baseline === "string" || problem !== undefined) {
    console.error(problem);
    return 2;
  }
  const results = await shortRun();
  const judgements = judge(baseline, ratiosOf(results));
  console.log(`\n${"".padEnd(50)} baseline (its runs)            limit      now`);
  for (const judgement of judgements) console.log(lineOf(judgement));
  console.log(`\nload average ${results.load.before} before, ${results.load.after} after`);
  return judgements.some(isRegression) ? 1 : 0;
}

function lineOf({ name, baseline, min, max, limit, value, verdict }: Judgement): string {
  const runs = `${amount(baseline)} (${amount(min)} to ${amount(max)})`;
  const now = value === undefined ? "–" : amount(value);
  return `${name.padEnd(50)} ${runs.padEnd(30)} ${amount(limit).padEnd(10)} ${now.padEnd(8)} ${verdict}`;
}

async function record(): Promise<void> {
  const runs: Baseline["runs"][number][] = [];
  let last: Results | undefined;
  for (let each = 0; each < RUNS; each += 1) {
    last = await shortRun();
    runs.push({ load: last.load.after, ratios: ratiosOf(last) });
  }
  if (last === undefined) throw new Error("no run was made");
  const baseline: Baseline = { at: last.at, machine: last.machine, runs };
  writeFileSync(BASELINE, `${JSON.stringify(baseline, undefined, 2)}\n`);
}

function shortRun(): Promise<Results> {
  return run({
    kinds: [GATEWAYS.one],
    only: undefined,
    length: "short",
    onRow: (id, figures) => process.stdout.write(printRow(id, figures)),
  });
}
