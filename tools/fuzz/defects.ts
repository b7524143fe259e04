/** A fuzz that cannot fail proves nothing: each planted defect has to be found. */
import { writeFileSync } from "node:fs";
import { DEFECTS, type Defect } from "#test/fuzz/defects/defects.ts";
import { hunt, smallest } from "#test/fuzz/fuzzer.ts";
import { FUZZERS } from "#test/fuzz/fuzzers.ts";
import type { LaneFinding, LaneReport } from "./lane.ts";

/** Of the time that is left, one defect may take this part; however short the run, it gets a minute: most need a second. */
const DEFECT_SHARE = 1 / 4;
const DEFECT_MS_MIN = 60_000;

/** One that is not found in its time is a finding. `KEEP_CASES=folder` writes the smallest case of each. */
export async function huntDefects(seed: number, endMs: number): Promise<LaneReport> {
  const findings: LaneFinding[] = [];
  let executions = 0;
  let slowest = 0;
  for (const defect of DEFECTS) {
    const startMs = Date.now();
    const ms = Math.max(DEFECT_MS_MIN, (endMs - startMs) * DEFECT_SHARE);
    const played = await huntOne(defect, seed, startMs + ms);
    executions += played.executions;
    const seconds = (Date.now() - startMs) / 1000;
    slowest = Math.max(slowest, seconds);
    const outcome = played.isFound ? "found" : "NOT FOUND";
    console.log(
      `fuzz: defect ${defect.name} (${defect.what}): ${outcome} after ${played.executions} cases, ${seconds.toFixed(1)} s, by ${defect.by}`,
    );
    if (!played.isFound)
      findings.push({
        what: `the planted defect ${defect.name} was NOT found`,
        replay: `node tools/fuzz/run.ts --only defects --seed ${seed}`,
      });
  }
  const found = DEFECTS.length - findings.length;
  const told = `${found} of ${DEFECTS.length} planted defects found, the slowest after ${slowest.toFixed(1)} s`;
  return { name: "defects", executions, told, findings };
}

async function huntOne(
  defect: Defect,
  seed: number,
  endMs: number,
): Promise<{ readonly executions: number; readonly isFound: boolean }> {
  const fuzzer = FUZZERS.find(({ name }) => name === defect.by);
  if (fuzzer === undefined) throw new RangeError(`no fuzzer is called ${defect.by}`);
  await using player = await fuzzer.open(defect.name);
  const { executions, finding } = await hunt(fuzzer, player, { seed, endMs });
  const folder = process.env["KEEP_CASES"];
  if (finding !== undefined && folder !== undefined) {
    const { found, what } = await smallest(player, finding, Date.now() + 30_000);
    const kept = { fuzzer: fuzzer.name, defect: defect.name, why: what, case: found };
    writeFileSync(`${folder}/${defect.name}.json`, `${JSON.stringify(kept, null, 2)}\n`);
  }
  return { executions, isFound: finding !== undefined };
}
