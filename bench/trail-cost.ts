/**
 * What the evidence of a statement costs, in processor time of recorder, sender, socket, broker and disk together, in one process:
 * eight sessions that ask at a given rate, each with its answer a moment later. The loop without a recorder is measured first and
 * taken off. `node bench/trail-cost.ts [STATEMENTS-PER-SECOND [DIR]]`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { servePort } from "#broker/api/serve.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import { openLog } from "#runtime/log.ts";
import { unixCarrier } from "#sidecar/uplink/carrier.ts";
import { type Recorder, openRecorder } from "#sidecar/uplink/recorder.ts";
import { openSender } from "#sidecar/uplink/sender.ts";
import { Uplink } from "#sidecar/uplink/uplink.ts";
import { asking, never, newSession, opening, trailOn } from "#test/trail/support.ts";
import { trailPort } from "#test/trail/trail-port.ts";

const SESSIONS = 8;
const SECONDS = 6;
const TICK_MS = 1;
const perSecond = Number(process.argv[2] ?? 5_000);
const { decided } = asking(0);
const COUNTS = { ended: "complete", rows: 1, bytes: 31, maskedValues: 0 } as const;
const PREPARED = Buffer.from("select abalance from pgbench_accounts where aid = $1");

interface Client {
  readonly recorder: Recorder | undefined;
  asked: number;
}

const directory = await mkdtemp(join(process.argv[3] ?? tmpdir(), "sallyport-bench-"));
try {
  await using trail = await trailOn(realDisk, directory, { nowMs: () => Date.now() });
  const path = join(directory, "port", "broker.sock");
  await using _server = await servePort({ path, attach: () => trailPort(trail), note: () => undefined });
  const log = openLog({ write: () => undefined, nowMs: () => 0, level: "error" });
  const carrier = unixCarrier(path);
  await using uplink = new Uplink({ carrier, worker: "bench", run: "bench", log, chance: Math.random });
  await uplink.connected(never);
  await using sender = openSender({ port: uplink, chance: Math.random });

  const client = async (): Promise<Client> => {
    const session = newSession();
    const { digestKey } = (await trail.openSession(session, never)) as { digestKey: Uint8Array };
    const tools = { sender, nowMs: () => Date.now(), trailWaitMs: 60_000 };
    const onBroken = (): never => {
      throw new Error("the record broke off");
    };
    const recorder = openRecorder({ session, digestKey, onBroken }, tools);
    await recorder.recordStrictly(opening);
    return { recorder, asked: 0 };
  };
  for (const [name, textOf] of [
    [
      "simple",
      (number: number) => Buffer.from(`select abalance from pgbench_accounts where aid = ${number}`),
    ],
    ["prepared", () => PREPARED],
  ] as const) {
    const clients = await Promise.all(Array.from({ length: SESSIONS }, client));
    await run(clients, textOf, 1);
    const with_ = await run(clients, textOf, SECONDS);
    const without = Array.from({ length: SESSIONS }, () => ({ recorder: undefined, asked: 0 }));
    const bare = await run(without, textOf, SECONDS / 2);
    const [user, system] = [with_.user - bare.user, with_.system - bare.system];
    const parts = `${user.toFixed(1)} of the programs, ${system.toFixed(1)} of the system`;
    console.log(`${name}: ${(user + system).toFixed(1)} µs a statement at ${perSecond}/s: ${parts}`);
  }
} finally {
  await rm(directory, { recursive: true });
}

/** Processor time for each statement, in microseconds. */
async function run(
  clients: readonly Client[],
  textOf: (number: number) => Buffer,
  seconds: number,
): Promise<{ readonly user: number; readonly system: number }> {
  const total = perSecond * seconds;
  const before = process.cpuUsage();
  const startMs = performance.now();
  let done = 0;
  while (done < total) {
    await pause(TICK_MS);
    const due = Math.min(total, Math.ceil((performance.now() - startMs) * (perSecond / 1_000)));
    for (; done < due; done += 1) {
      const one = clients[done % SESSIONS];
      if (one === undefined) continue;
      const text = textOf(done);
      if (one.asked > 0) one.recorder?.answer(one.asked - 1, COUNTS);
      one.recorder?.ask({ number: one.asked, decided, text });
      one.asked += 1;
    }
  }
  const { user, system } = process.cpuUsage(before);
  return { user: user / total, system: system / total };
}
