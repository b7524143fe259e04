/** A fuzz that cannot fail proves nothing: each planted defect has to be found. */
import { writeFileSync } from "node:fs";
import { DEFECTS, type Defect } from "#test/fuzz/defects/defects.ts";
import { hunt, smallest } from "#test/fuzz/fuzzer.ts";
import { FUZZERS } from "#test/fuzz/fuzzers.ts";

/** Of the time that is left, one defect may take this part; however short the run, it gets a minute: most need a second. */
const DEFECT_SHARE = 1 / 4;
const DEFECT_MS_MIN = 60_000;

/** False when one was not found in its time. `KEEP_CASES=folder` writes the smallest case of each. */
export async function huntDefects(seed: number, endMs: number): Promise<boolean> {
  let isWell = true;
  for (const defect of DEFECTS) {
    const startMs = Date.now();
    const ms = Math.max(DEFECT_MS_MIN, (endMs - startMs) * DEFECT_SHARE);
    const executions = await huntOne(defect, seed, startMs + ms);
    const seconds = ((Date.now() - startMs) / 1000).toFixed(1);
    const outcome = executions === undefined ? "NOT FOUND" : `found after ${executions} cases`;
    console.log(`fuzz: defect ${defect.name} (${defect.what}): ${outcome}, ${seconds} s, by ${defect.by}`);
    if (executions === undefined) isWell = false;
  }
  return isWell;
}

async function huntOne(defect: Defect, seed: number, endMs: number): Promise<number | undefined> {
  const fuzzer = FUZZERS.find(({ name }) => name === defect.by);
  if (fuzzer === undefined) throw new RangeError(`no fuzzer is called ${defect.by}`);
  await using player = await fuzzer.open(defect.name);
  const { finding } = await hunt(fuzzer, player, { seed, endMs });
  const folder = process.env["KEEP_CASES"];
  if (finding !== undefined && folder !== undefined) {
    const { found, what } = await smallest(player, finding, Date.now() + 30_000);
    const kept = { fuzzer: fuzzer.name, defect: defect.name, why: what, case: found };
    writeFileSync(`${folder}/${defect.name}.json`, `${JSON.stringify(kept, null, 2)}\n`);
  }
  return finding?.executions;
}
