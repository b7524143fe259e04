/** A profile of one of a gateway's processes while it does one thing. */
import { readFileSync } from "node:fs";
import type { Probe } from "../performance/probe.ts";
import { BULK, ONE_ROW } from "../performance/schema.ts";
import type { Target } from "../performance/world.ts";
import { type Profile, profileOf } from "./frames.ts";
import { openInspector } from "./inspector.ts";

const CLIENTS = 8;
const WARM_UP = 4_000;
const SLICE = 1_000;
const PROGRAMS = { worker: /sidecar-worker/, broker: /broker-worker/ } as const;
export type Program = keyof typeof PROGRAMS;

interface Work extends AsyncDisposable {
  warmUp(): Promise<void>;
  /** How many transactions, or results, it was. */
  once(): Promise<number>;
}

const oneRow =
  (query: (typeof ONE_ROW)[keyof typeof ONE_ROW]) =>
  async (probe: Probe, target: Target): Promise<Work> => {
    const load = await probe.load(target, query, CLIENTS);
    return {
      warmUp: () => load.run(WARM_UP).then(() => undefined),
      once: () => load.run(SLICE).then(() => SLICE),
      [Symbol.asyncDispose]: () => load[Symbol.asyncDispose](),
    };
  };

const bulk =
  (sql: string) =>
  async (probe: Probe, target: Target): Promise<Work> => {
    const reader = await probe.bulk(target);
    return {
      warmUp: () => reader.run(sql).then(() => undefined),
      once: () => reader.run(sql).then(() => 1),
      [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
    };
  };

const WORKS = {
  simple: oneRow(ONE_ROW.simple),
  prepared: oneRow(ONE_ROW.prepared),
  strict: oneRow(ONE_ROW.simple),
  "bulk-plain": bulk(BULK.plain),
  "bulk-redacted": bulk(BULK.redacted),
} as const;
export type Activity = keyof typeof WORKS;

export const isActivity = (word: string): word is Activity => word in WORKS;
export const isProgram = (word: string): word is Program => word in PROGRAMS;

/** Reads that are durable first have a Connection of their own. */
export function targetFor(
  activity: Activity,
  targets: readonly Target[],
  gateway: string,
): Target | undefined {
  return targets.find(({ name, strictOf }) =>
    activity === "strict" ? strictOf === gateway : name === gateway,
  );
}

export interface Wish {
  readonly activity: Activity;
  readonly program: Program;
  readonly seconds: number;
}

export async function takeProfile(
  probe: Probe,
  target: Target,
  { activity, program, seconds }: Wish,
): Promise<Profile> {
  await using work = await WORKS[activity](probe, target);
  await work.warmUp();
  await using inspector = await openInspector(pidOf(target, program));
  await inspector.start();
  const endMs = performance.now() + seconds * 1_000;
  let done = 0;
  while (performance.now() < endMs) done += await work.once();
  return profileOf(await inspector.stop(), done);
}

function pidOf(target: Target, program: Program): number {
  const pid = target
    .pids()
    .find((each) => PROGRAMS[program].test(readFileSync(`/proc/${each}/cmdline`, "latin1")));
  if (pid === undefined) throw new Error(`${target.name} has no ${program}`);
  return pid;
}
