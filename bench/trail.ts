/**
 * How many events a second the trail acknowledges, and how long each waits: 64 sessions of which each waits for its last
 * event before it makes the next, once by function call and once through recorder and unix socket, on the disk of DIR (or
 * of the temporary folder): `node bench/trail.ts [DIR]`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { servePort } from "#broker/api/serve.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import { openLog } from "#runtime/log.ts";
import { openRecorder } from "#sidecar/uplink/recorder.ts";
import { openSender } from "#sidecar/uplink/sender.ts";
import { unixCarrier } from "#sidecar/uplink/carrier.ts";
import { Uplink } from "#sidecar/uplink/uplink.ts";
import { Chain, asking, never, newSession, opening, request, trailOn } from "#test/trail/support.ts";
import { trailPort } from "#test/trail/trail-port.ts";

const SESSIONS = 64;
const SECONDS = 5;
const TEXT = Buffer.from("update public.orders set state = 'shipped' where id = 4711");

const directory = await mkdtemp(join(process.argv[2] ?? tmpdir(), "sallyport-bench-"));
try {
  await using trail = await trailOn(realDisk, directory, { nowMs: () => Date.now() });
  await measure("function call", async () => {
    const chain = new Chain();
    await trail.openSession(chain.session, never);
    await trail.append([chain.seal(opening)], never);
    let number = 0;
    return async () => {
      await trail.append([chain.seal(request(number), TEXT)], never);
      number += 1;
    };
  });
  const path = join(directory, "port", "broker.sock");
  await using _server = await servePort({ path, attach: () => trailPort(trail), note: () => undefined });
  const log = openLog({ write: () => undefined, nowMs: () => 0, level: "error" });
  await using uplink = new Uplink({
    carrier: unixCarrier(path),
    worker: "bench",
    run: "bench",
    log,
    chance: Math.random,
  });
  await uplink.connected(never);
  await using sender = openSender({ port: uplink, chance: Math.random });
  await measure("recorder over the socket", async () => {
    const session = newSession();
    const { digestKey } = (await trail.openSession(session, never)) as { digestKey: Uint8Array };
    const tools = { sender, nowMs: () => Date.now(), trailWaitMs: 60_000 };
    const recorder = openRecorder({ session, digestKey, onBroken: () => undefined }, tools);
    await recorder.recordStrictly(opening);
    let number = 0;
    return async () => {
      await recorder.askStrictly({ ...asking(number), text: TEXT });
      number += 1;
    };
  });
} finally {
  await rm(directory, { recursive: true });
}

async function measure(name: string, open: () => Promise<() => Promise<void>>): Promise<void> {
  const sessions = await Promise.all(Array.from({ length: SESSIONS }, open));
  const waits: number[] = [];
  const untilMs = performance.now() + SECONDS * 1_000;
  const before = process.cpuUsage();
  await Promise.all(
    sessions.map(async (append) => {
      while (performance.now() < untilMs) {
        const startMs = performance.now();
        await append();
        waits.push(performance.now() - startMs);
      }
    }),
  );
  const { user, system } = process.cpuUsage(before);
  const us = ((user + system) / waits.length).toFixed(0);
  waits.sort((a, b) => a - b);
  const at = (share: number): string => (waits[Math.floor(waits.length * share)] ?? 0).toFixed(2);
  console.log(
    `${name}: ${Math.round(waits.length / SECONDS)} events/s, ${us} µs of processor time each, acknowledged after p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
  );
}
