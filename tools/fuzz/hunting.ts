/** Runs the fuzzers one after another, each for its part of the time, and tells what they found. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type Finding, type Fuzzer, hunt, type Player, smallest } from "#test/fuzz/fuzzer.ts";
import { FUZZERS, type KeptCase } from "#test/fuzz/fuzzers.ts";
import type { LaneFinding, LaneReport } from "./lane.ts";

const KEPT = ".cache/fuzz";
const SHRINK_MS_MAX = 60_000;
/** One defect shows again and again; after so many cases a fuzzer has told enough. */
const FINDINGS_MAX = 3;

export async function huntAll(seed: number, endMs: number, only?: string): Promise<LaneReport[]> {
  const all = FUZZERS.filter(({ name }) => only === undefined || name === only);
  if (all.length === 0) throw new RangeError(`no fuzzer is called ${only}`);
  const startMs = Date.now();
  const whole = all.reduce((sum, { share }) => sum + share, 0);
  const reports: LaneReport[] = [];
  let until = 0;
  for (const fuzzer of all) {
    until += fuzzer.share;
    reports.push(await huntWith(fuzzer, seed, startMs + ((endMs - startMs) * until) / whole));
  }
  return reports;
}

async function huntWith(fuzzer: Fuzzer<unknown>, seed: number, endMs: number): Promise<LaneReport> {
  const startMs = Date.now();
  const findings: LaneFinding[] = [];
  let executions = 0;
  await using player = await fuzzer.open();
  for (;;) {
    const part = await hunt(fuzzer, player, { seed: seed + executions, endMs });
    executions += part.executions;
    if (part.finding === undefined) break;
    findings.push(await keep(fuzzer, player, part.finding));
    if (findings.length === FINDINGS_MAX) break;
  }
  const rate = Math.round((executions * 1000) / Math.max(1, Date.now() - startMs));
  console.log(
    `fuzz: ${fuzzer.name}: ${executions} cases (${rate} a second), ${findings.length === 0 ? "nothing" : `${findings.length} findings`}`,
  );
  return { name: fuzzer.name, executions, told: `${rate} a second`, findings };
}

/** Made small, told, and written where it can be played again. */
async function keep(
  fuzzer: Fuzzer<unknown>,
  player: Player<unknown>,
  finding: Finding<unknown>,
): Promise<LaneFinding> {
  const { found, what } = await smallest(player, finding, Date.now() + SHRINK_MS_MAX);
  mkdirSync(KEPT, { recursive: true });
  const file = `${KEPT}/${fuzzer.name}-${finding.seed}.json`;
  writeFileSync(file, `${JSON.stringify({ fuzzer: fuzzer.name, why: what, case: found }, null, 2)}\n`);
  const replay = `node tools/fuzz/run.ts --replay ${file}`;
  console.log(
    `${what}\n${JSON.stringify(found, null, 1)}\nfuzz: seed ${finding.seed}; ${replay} has it again`,
  );
  return { what: `by ${fuzzer.name}, seed ${finding.seed}`, replay };
}

/** True when the case shows nothing wrong any more. */
export async function replay(file: string): Promise<boolean> {
  const kept = JSON.parse(readFileSync(file, "utf8")) as KeptCase;
  const fuzzer = FUZZERS.find(({ name }) => name === kept.fuzzer);
  if (fuzzer === undefined) throw new RangeError(`no fuzzer is called ${kept.fuzzer}`);
  await using player: Player<unknown> = await fuzzer.open(kept.defect);
  const what = await player.play(kept.case);
  if (what !== undefined) console.log(what);
  return what === undefined;
}
