/**
 * `kill -9` of a broker that stores events under load, again and again at random points, while the data plane's recorders go
 * on and resume: whatever they were told is durable is stored, and in the end every record is whole.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "node:test";
import { openTexts } from "#broker/trail/texts.ts";
import { readTrail } from "#broker/trail/read.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import { verifyTrail } from "#broker/trail/verify.ts";
import { parseLeaf } from "#core/audit/leaf.ts";
import { shownEvents } from "#core/audit/requests.ts";
import { type Refusal, isRefusal } from "#core/values/refusal.ts";
import { openRecorder } from "#sidecar/uplink/recorder.ts";
import { openSender } from "#sidecar/uplink/sender.ts";
import { openUplink, temporaryFolder } from "#test/port/carriers.ts";
import { until } from "#test/port/until.ts";
import { fuzzRuns } from "#test/support/fuzz.ts";
import { asking, closing, never, newSession, opening } from "./support.ts";

const PROGRAM = new URL("./broker-process.ts", import.meta.url).pathname;
const SESSIONS_AT_ONCE = 8;
const REQUESTS = 30;

async function loadBroker(directory: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, directory], { stdio: ["pipe", "pipe", "inherit"] });
  await said(child);
  return child;
}

async function begin(child: ChildProcess): Promise<ChildProcess> {
  child.stdin?.write("go\n");
  await said(child);
  return child;
}

async function said(child: ChildProcess): Promise<void> {
  assert.ok(child.stdout);
  await once(child.stdout, "data");
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

test("acknowledged ⊆ stored, however often the broker is killed", async (t) => {
  const kills = fuzzRuns(20);
  await using folder = await temporaryFolder();
  const directory = folder.path;
  const acknowledged = new Set<string>();
  const load = { running: true };
  let broker = await begin(await loadBroker(directory));
  await using uplink = openUplink(join(directory, "port", "broker.sock"));
  await using sender = openSender({ port: uplink, chance: Math.random });
  const broken: string[] = [];

  /** Sessions one after another, each with reads that run ahead and writes that wait. */
  async function client(): Promise<void> {
    while (load.running) {
      await uplink.connected(never);
      const session = newSession();
      const grant = await uplink.identify({ session, listener: "l", evidence: { kind: "ambient" } }, never);
      if (isRefusal(grant)) continue;
      const recorder = openRecorder(
        { session, digestKey: grant.digestKey, onBroken: (why) => broken.push(`${session} ${why.code}`) },
        { sender, nowMs: () => Date.now(), trailWaitMs: 60_000 },
      );
      const known = async (what: string, refused: Promise<Refusal | undefined>): Promise<boolean> => {
        const isStored = (await refused) === undefined;
        if (isStored) acknowledged.add(`${session} ${what}`);
        return isStored;
      };
      await known("session.open", recorder.recordStrictly(opening));
      for (let number = 0; number < REQUESTS; number++) {
        const asked = asking(number, `update orders set n = ${number}`);
        if (number % 3 === 0) await known(`request ${number}`, recorder.askStrictly(asked));
        else recorder.ask(asked);
        recorder.answer(number, { ended: "complete", rows: number, bytes: 0, maskedValues: 0 });
        await recorder.room();
      }
      // What was recorded in front of it is stored in front of it.
      if (!(await known("session.close", recorder.recordStrictly(closing)))) continue;
      for (let number = 0; number < REQUESTS; number++) {
        acknowledged.add(`${session} request ${number}`);
        acknowledged.add(`${session} result ${number}`);
      }
    }
  }

  const clients = Array.from({ length: SESSIONS_AT_ONCE }, client);
  for (let count = 0; count < kills; count++) {
    const before = acknowledged.size;
    const next = await loadBroker(directory);
    await until(() => acknowledged.size > before);
    await pause(Math.random() * 60);
    await kill(broker);
    broker = await begin(next);
  }
  load.running = false;
  await Promise.all(clients);
  await kill(broker);

  const trail = join(directory, "trail");
  const stored = new Set<string>();
  for await (const entry of readTrail({ disk: realDisk, directory: trail }))
    if (entry.kind === "leaf")
      for (const { kind, request } of shownEvents(parseLeaf(entry.leaf) ?? {}))
        stored.add(`${entry.session} ${[kind, request].join(" ").trim()}`);
  assert.deepEqual(
    [...acknowledged].filter((event) => !stored.has(event)),
    [],
  );
  assert.deepEqual(broken, []);
  const texts = await openTexts(realDisk, join(trail, "session-keys"), join(directory, "keys"));
  const verification = await verifyTrail({ disk: realDisk, directory: trail, texts });
  assert.deepEqual(verification.findings, []);
  assert.equal(
    verification.texts.closed,
    0,
    "every text opens, those of sessions that outlived a broker too",
  );
  assert.ok(acknowledged.size > kills * 10, `only ${acknowledged.size} were acknowledged`);
  t.diagnostic(`figure trail.kills=${kills}`);
  t.diagnostic(`figure trail.kill-acknowledged=${acknowledged.size}`);
});
