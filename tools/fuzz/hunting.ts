/** Runs the fuzzers one after another, each for its part of the time, and tells what they found. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type Fuzzer, hunt, type Player, smallest } from "#test/fuzz/fuzzer.ts";
import { FUZZERS, type KeptCase } from "#test/fuzz/fuzzers.ts";

const KEPT = ".cache/fuzz";
const SHRINK_MS_MAX = 60_000;

/** False when something was found, or a fuzzer cannot run here. */
export async function huntAll(seed: number, endMs: number, only?: string): Promise<boolean> {
  const all = FUZZERS.filter(({ name }) => only === undefined || name === only);
  if (all.length === 0) throw new RangeError(`no fuzzer is called ${only}`);
  const startMs = Date.now();
  const whole = all.reduce((sum, { share }) => sum + share, 0);
  let isWell = true;
  let until = 0;
  for (const fuzzer of all) {
    until += fuzzer.share;
    const partEndMs = startMs + ((endMs - startMs) * until) / whole;
    if (!(await huntWith(fuzzer, seed, partEndMs))) isWell = false;
  }
  return isWell;
}

async function huntWith(fuzzer: Fuzzer<unknown>, seed: number, endMs: number): Promise<boolean> {
  const startMs = Date.now();
  await using player = await fuzzer.open();
  const { executions, finding } = await hunt(fuzzer, player, { seed, endMs });
  const rate = Math.round((executions * 1000) / Math.max(1, Date.now() - startMs));
  console.log(
    `fuzz: ${fuzzer.name}: ${executions} cases (${rate} a second), ${finding === undefined ? "nothing" : "a finding"}`,
  );
  if (finding === undefined) return true;
  const { found, what } = await smallest(player, finding, Date.now() + SHRINK_MS_MAX);
  mkdirSync(KEPT, { recursive: true });
  const file = `${KEPT}/${fuzzer.name}-${finding.seed}.json`;
  writeFileSync(file, `${JSON.stringify({ fuzzer: fuzzer.name, why: what, case: found }, null, 2)}\n`);
  console.log(`${what}\n${JSON.stringify(found, null, 1)}`);
  console.log(`fuzz: seed ${finding.seed}; node tools/fuzz/run.ts --replay ${file} has it again`);
  return false;
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
