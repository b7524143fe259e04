/**
 * Where a gateway's time goes: `node bench/profile.ts [--what=simple|prepared|strict|bulk-plain|bulk-redacted] [--of=worker|broker]
 * [--seconds=5] [--top=25]`. The process is asked through the inspector that Node.js opens on a signal, so it runs with the very flags of
 * a gateway.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { GATEWAYS } from "./performance/kinds.ts";
import { type Probe, openProbe } from "./performance/probe.ts";
import { BULK, ONE_ROW } from "./performance/schema.ts";
import { type Target, openWorld } from "./performance/world.ts";
import { printFrames } from "./profile/frames.ts";
import { openInspector } from "./profile/inspector.ts";

const PROGRAMS = { worker: /sidecar-worker/, broker: /broker-worker/ } as const;
const BULKS = { "bulk-plain": BULK.plain, "bulk-redacted": BULK.redacted } as const;
const CLIENTS = 8;
const WARM_UP = 4_000;
const SLICE = 1_000;

const { values } = parseArgs({
  options: {
    what: { type: "string", default: "simple" },
    of: { type: "string", default: "worker" },
    seconds: { type: "string", default: "5" },
    top: { type: "string", default: "25" },
  },
});
await using world = await openWorld([GATEWAYS.one]);
const probe = await openProbe(world.signIn);
const gateway = world.targets.find(({ name }) => name === GATEWAYS.one.name);
if (gateway === undefined) throw new Error("no gateway was started");
await using work = await openWork(probe, gateway, values.what);
await work.warmUp();
await using inspector = await openInspector(pidOf(gateway, values.of));
await inspector.start();
const endMs = performance.now() + Number(values.seconds) * 1_000;
let done = 0;
while (performance.now() < endMs) done += await work.once();
process.stdout.write(printFrames(await inspector.stop(), { top: Number(values.top), transactions: done }));

interface Work extends AsyncDisposable {
  warmUp(): Promise<void>;
  /** How many transactions, or results, it was. */
  once(): Promise<number>;
}

async function openWork(from: Probe, target: Target, what: string): Promise<Work> {
  if (what in BULKS) {
    const sql = BULKS[what as keyof typeof BULKS];
    const bulk = await from.bulk(target);
    const once = (): Promise<number> => bulk.run(sql).then(() => 1);
    return {
      warmUp: () => once().then(() => undefined),
      once,
      [Symbol.asyncDispose]: () => bulk[Symbol.asyncDispose](),
    };
  }
  if (!(what in ONE_ROW))
    throw new Error(`--what=${what}: one of ${Object.keys({ ...ONE_ROW, ...BULKS }).join(", ")}`);
  const load = await from.load(target, ONE_ROW[what as keyof typeof ONE_ROW], CLIENTS);
  return {
    warmUp: () => load.run(WARM_UP).then(() => undefined),
    once: () => load.run(SLICE).then(() => SLICE),
    [Symbol.asyncDispose]: () => load[Symbol.asyncDispose](),
  };
}

function pidOf(target: Target, of: string): number {
  const pattern = PROGRAMS[of as keyof typeof PROGRAMS] as RegExp | undefined;
  const pid = target.pids().find((each) => pattern?.test(readFileSync(`/proc/${each}/cmdline`, "latin1")));
  if (pid === undefined) throw new Error(`--of=${of}: the gateway has no such process`);
  return pid;
}
