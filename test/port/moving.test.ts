/** Sessions that lose their broker and go on at another one: what is on record is whole, in the two logs together. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openTrail } from "#broker/trail/file-trail.ts";
import { directoryKeyring } from "#broker/trail/keyring.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import { openTexts } from "#broker/trail/texts.ts";
import type { Trail } from "#broker/trail/trail.ts";
import { type SetVerification, verifyTrails } from "#broker/trail/verify-set.ts";
import { randomBytes } from "node:crypto";
import type { EventBody } from "#core/audit/event.ts";
import { parseLeaf } from "#core/audit/leaf.ts";
import { sessionId } from "#core/port/ids.ts";
import type { Push, SessionId } from "#core/port/port.ts";
import { isRefusal, refusal } from "#core/values/refusal.ts";
import type { PortServer } from "#broker/api/serve.ts";
import { readTrail } from "#broker/trail/read.ts";
import { type Carrier, unixCarrier } from "#sidecar/uplink/carrier.ts";
import { type Mover, openMover } from "#sidecar/uplink/mover.ts";
import { type Recorder, openRecorder } from "#sidecar/uplink/recorder.ts";
import { type Sender, openSender } from "#sidecar/uplink/sender.ts";
import { Uplink } from "#sidecar/uplink/uplink.ts";
import { serve, silent, temporaryFolder } from "./carriers.ts";
import { ScriptedBroker } from "./scripted-broker.ts";
import { until } from "./until.ts";

const never = new AbortController().signal;

interface Replica {
  readonly name: string;
  readonly broker: ScriptedBroker;
  readonly trail: Trail;
  readonly directory: string;
  readonly keys: string;
  listen(): Promise<void>;
  stop(): Promise<void>;
  readonly path: string;
  /** Whom its leases are for. */
  user: string;
  /** The trail stores, and nobody is told. */
  isMute: boolean;
}

async function replica(context: TestContext, name: string): Promise<Replica> {
  const folder = await temporaryFolder();
  const directory = join(folder.path, "trail");
  const keys = join(folder.path, "keys");
  const trail = await openTrail({
    disk: realDisk,
    directory,
    keyring: directoryKeyring(realDisk, keys),
    broker: name,
    nowMs: Date.now,
    note: () => undefined,
  });
  const broker = new ScriptedBroker();
  const path = join(folder.path, "port", "broker.sock");
  let server: PortServer | undefined;
  const it: Replica = {
    name,
    broker,
    trail,
    directory,
    keys,
    path,
    user: "app",
    isMute: false,
    listen: async () => {
      server = await serve(path, broker);
    },
    stop: async () => server?.[Symbol.asyncDispose](),
  };
  const known = new Set<SessionId>();
  broker.script = {
    hello: async () => ({ version: 1, broker: name }),
    identify: async ({ session }, signal) => {
      const opened = await trail.openSession(session, signal);
      if (isRefusal(opened)) return opened;
      known.add(session);
      return {
        caller: { identity: {}, ancestors: [] },
        digestKey: opened.digestKey,
        expiresMs: Date.now() + 60_000,
      };
    },
    exchange: async ({ session }) =>
      known.has(session)
        ? { lease: `${name}/${session}`, user: it.user, expiresMs: Date.now() + 60_000 }
        : refusal("IDENTITY_MISSING"),
    renew: async ({ lease }) =>
      lease.startsWith(`${name}/`)
        ? { lease, user: it.user, expiresMs: Date.now() + 60_000 }
        : refusal("LEASE_ENDED"),
    append: async ({ batch }, signal) => {
      const answers = await trail.append(batch, signal);
      if (it.isMute) await new Promise((_, reject) => signal.addEventListener("abort", reject));
      return answers;
    },
  };
  context.after(async () => {
    await it.stop();
    await trail[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
  return it;
}

interface Plane extends AsyncDisposable {
  readonly mover: Mover;
  readonly sender: Sender;
  /** Which replica the next connection leads to. */
  readonly way: { to: Replica };
}

async function dataPlane(to: Replica): Promise<Plane> {
  const way = { to };
  const carrier: Carrier = { dial: (signal) => unixCarrier(way.to.path).dial(signal) };
  const uplink = new Uplink({ carrier, worker: "gateway", run: "run-1", log: silent, chance: () => 0.1 });
  const sender = openSender({ port: uplink, chance: () => 0.1 });
  const mover = openMover({ uplink, sender, log: silent });
  const plane: Plane = {
    mover,
    sender,
    way,
    [Symbol.asyncDispose]: async () => {
      await sender[Symbol.asyncDispose]();
      mover[Symbol.dispose]();
      await uplink[Symbol.asyncDispose]();
    },
  };
  await uplink.connected(never);
  return plane;
}

interface Session {
  readonly id: SessionId;
  readonly recorder: Recorder;
  readonly lease: string;
  statement(text: string): Promise<void>;
}

const connection = { namespace: "shop", name: "orders" };
const opened: EventBody = {
  kind: "session.open",
  connection,
  protocol: "postgres",
  listener: "pod",
  caller: { identity: {}, ancestors: [] },
  planVersion: "1",
  intent: {},
};
const closed: EventBody = {
  kind: "session.close",
  code: "CLIENT_CLOSED",
  requests: 0,
  rows: 0,
  bytesFromClient: 0,
  bytesToClient: 0,
  maskedValues: 0,
};

async function openSession({ mover, sender }: Plane, onBroken: (code: string) => void): Promise<Session> {
  const id = sessionId(randomBytes(16));
  const evidence = { kind: "ambient" } as const;
  const grant = await mover.identify({ session: id, listener: "pod", evidence }, never);
  assert.ok(!isRefusal(grant));
  const recorder = openRecorder(
    { session: id, digestKey: grant.digestKey, onBroken: ({ code }) => onBroken(code) },
    { sender, nowMs: Date.now, trailWaitMs: 20_000 },
  );
  assert.equal(await recorder.recordStrictly(opened), undefined);
  const lease = await mover.exchange({ session: id, connection }, never);
  assert.ok(!isRefusal(lease));
  let request = 0;
  return {
    id,
    recorder,
    lease: lease.lease,
    async statement(text) {
      const bytes = Buffer.from(text);
      const refused = await recorder.recordStrictly(
        {
          kind: "request",
          request: request++,
          outcome: "allow",
          code: "ALLOWED",
          classes: [],
          accesses: [],
          doubts: [],
          observed: [],
          textDigest: recorder.digest(bytes),
          textBytes: bytes.length,
        },
        bytes,
      );
      assert.equal(refused, undefined);
    },
  };
}

const unbroken = (code: string): void => assert.fail(`the record broke off: ${code}`);

async function verified(...replicas: readonly Replica[]): Promise<SetVerification> {
  const options = replicas.map(async ({ directory, keys }) => ({
    disk: realDisk,
    directory,
    texts: await openTexts(realDisk, join(directory, "session-keys"), keys),
  }));
  return verifyTrails(await Promise.all(options));
}

async function kindsOf({ directory }: Replica, session: SessionId): Promise<unknown[]> {
  const kinds: unknown[] = [];
  for await (const entry of readTrail({ disk: realDisk, directory }))
    if (entry.kind === "leaf" && entry.session === session) kinds.push(parseLeaf(entry.leaf)?.["kind"]);
  return kinds;
}

function assertWhole({ trails, findings, notices }: SetVerification): void {
  assert.deepEqual([...trails.flatMap((trail) => trail.findings), ...findings], []);
  assert.deepEqual(notices, []);
}

test("a session goes on at another broker with its lease and its record, and each log is whole by itself and with the other", async (t) => {
  const [left, right] = [await replica(t, "left"), await replica(t, "right")];
  await Promise.all([left.listen(), right.listen()]);
  await using plane = await dataPlane(left);
  const session = await openSession(plane, unbroken);
  await session.statement("select 1");
  plane.way.to = right;
  await left.stop();
  await session.statement("select 2");
  await until(() => right.broker.asked.some(({ operation }) => operation === "exchange"));
  const renewed = await plane.mover.renew(session.lease, never);
  assert.ok(!isRefusal(renewed));
  assert.equal(renewed.lease, `right/${session.id}`);
  assert.equal(await session.recorder.recordStrictly(closed), undefined);
  await left.trail.declareLost(session.id, never);

  const set = await verified(left, right);
  assertWhole(set);
  assert.equal(set.moved, 1);
  assert.deepEqual(await kindsOf(left, session.id), ["session.open", "request", "session.lost"]);
  const there = await kindsOf(right, session.id);
  assert.equal(there[0], "session.moved");
  assert.equal(there.at(-1), "session.close");
  assert.deepEqual(there.slice(1, -1).sort(), ["credential", "request"]);
  assert.deepEqual(
    set.trails.map(({ texts }) => texts),
    [
      { opened: 1, closed: 0 },
      { opened: 1, closed: 0 },
    ],
  );
});

test("what the lost broker had stored without telling stands in both logs, and that is known", async (t) => {
  const [left, right] = [await replica(t, "left"), await replica(t, "right")];
  await Promise.all([left.listen(), right.listen()]);
  await using plane = await dataPlane(left);
  const session = await openSession(plane, unbroken);
  await session.statement("select 1");
  left.isMute = true;
  const waiting = [session.statement("select 2"), session.statement("select 3")];
  await until(() => left.broker.asked.filter(({ operation }) => operation === "append").length >= 3);
  plane.way.to = right;
  await left.stop();
  await Promise.all(waiting);
  assert.equal(await session.recorder.recordStrictly(closed), undefined);
  assertWhole(await verified(left, right));
  const requests = (await kindsOf(right, session.id)).filter((kind) => kind === "request");
  assert.equal(requests.length, 2, "none is missing in the second log");
});

test("it comes back to the first broker, and on from there, again and again", async (t) => {
  const [left, right] = [await replica(t, "left"), await replica(t, "right")];
  await left.listen();
  await using plane = await dataPlane(left);
  const session = await openSession(plane, unbroken);
  let [here, there] = [left, right];
  for (let turn = 0; turn < 6; turn += 1) {
    await session.statement(`select ${turn}`);
    here.isMute = turn % 2 === 1;
    const waiting = session.statement(`select ${turn} /* not told */`);
    if (here.isMute) await until(() => here.broker.asked.at(-1)?.operation === "append");
    await there.listen();
    plane.way.to = there;
    await here.stop();
    await waiting;
    here.isMute = false;
    [here, there] = [there, here];
  }
  assert.equal(await session.recorder.recordStrictly(closed), undefined);
  assertWhole(await verified(left, right));
});

test("where the other broker has another user for it, a session keeps what it has until that ends; the new lease is given back", async (t) => {
  const [left, right] = [await replica(t, "left"), await replica(t, "right")];
  right.user = "somebody-else";
  await Promise.all([left.listen(), right.listen()]);
  await using plane = await dataPlane(left);
  const session = await openSession(plane, unbroken);
  plane.way.to = right;
  await left.stop();
  await until(() => right.broker.asked.some(({ operation }) => operation === "release"));
  const renewed = await plane.mover.renew(session.lease, never);
  assert.ok(isRefusal(renewed) && renewed.code === "BROKER_UNREACHABLE");
  await session.statement("select 1");
});

test("a session that the other broker refuses ends, with that one's reason; what may pass is asked again", async (t) => {
  const [left, right] = [await replica(t, "left"), await replica(t, "right")];
  await Promise.all([left.listen(), right.listen()]);
  await using plane = await dataPlane(left);
  const pushes: Push[] = [];
  plane.mover.subscribe((push) => pushes.push(push), never);
  const broken: string[] = [];
  const session = await openSession(plane, (code) => broken.push(code));
  let asked = 0;
  right.broker.script.identify = async () => {
    asked += 1;
    return refusal(asked === 1 ? "POD_UNCHECKED" : "POD_ENDED");
  };
  plane.way.to = right;
  await left.stop();
  await until(() => pushes.length > 0);
  assert.deepEqual(pushes, [{ kind: "revoked", session: session.id, refusal: refusal("POD_ENDED") }]);
  assert.deepEqual(broken, ["POD_ENDED"]);
  assert.equal(asked, 2);
});

test("a log that says of another what that one does not hold is found out", async (t) => {
  const [left, right] = [await replica(t, "left"), await replica(t, "right")];
  await Promise.all([left.listen(), right.listen()]);
  await using plane = await dataPlane(left);
  const session = await openSession(plane, unbroken);
  plane.way.to = right;
  await left.stop();
  await session.statement("select 1");
  assertWhole(await verified(left, right));
  const alone = await verified(right);
  assert.deepEqual(alone.findings, []);
  assert.match(alone.notices[0]?.text ?? "", /log of broker left is not among these/);
  // Another log of the same broker, as one would have that was written anew.
  const forged = await replica(t, "left");
  const [finding] = (await verified(forged, right)).findings;
  assert.equal(finding?.code, "moved");
  assert.match(finding.text, /does not hold event 0/);
});
