/** Replicas with a log each, and a data plane whose sessions go from one to another. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { openTrail } from "#broker/trail/file-trail.ts";
import { directoryKeyring } from "#broker/trail/keyring.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import { openTexts } from "#broker/trail/texts.ts";
import type { Trail } from "#broker/trail/trail.ts";
import { type SetVerification, verifyTrails } from "#broker/trail/verify-set.ts";
import { randomBytes } from "node:crypto";
import type { SingleBody } from "#core/audit/event.ts";
import { asking } from "#test/trail/support.ts";
import { parseLeaf } from "#core/audit/leaf.ts";
import { type EventFields, shownEvents } from "#core/audit/requests.ts";
import { sessionId } from "#core/port/ids.ts";
import type { SessionId } from "#core/port/port.ts";
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

export const never = new AbortController().signal;

export interface Replica {
  readonly name: string;
  readonly broker: ScriptedBroker;
  readonly trail: Trail;
  readonly directory: string;
  readonly keys: string;
  listen(): Promise<void>;
  stop(): Promise<void>;
  /** Killed and started again: what it was told is gone, and its log is as it was. */
  restart(): Promise<void>;
  readonly path: string;
  /** Whom its leases are for. */
  user: string;
  /** The trail stores, and nobody is told. */
  isMute: boolean;
}

export async function replica(context: TestContext, name: string): Promise<Replica> {
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
    restart: async () => {
      await it.stop();
      known.clear();
      run += 1;
      await it.listen();
    },
  };
  const known = new Set<SessionId>();
  let run = 1;
  broker.script = {
    hello: async () => ({ version: 1, broker: name, run: `run-${run}` }),
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
        ? { lease: `${name}/${run}/${session}`, user: it.user, expiresMs: Date.now() + 60_000 }
        : refusal("IDENTITY_MISSING"),
    renew: async ({ lease }) =>
      lease.startsWith(`${name}/${run}/`)
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

export async function dataPlane(to: Replica): Promise<Plane> {
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

export const connection = { namespace: "shop", name: "orders" };
const opened: SingleBody = {
  kind: "session.open",
  connection,
  protocol: "postgres",
  listener: "pod",
  caller: { identity: {}, ancestors: [] },
  planVersion: "1",
  intent: {},
};
export const closed: SingleBody = {
  kind: "session.close",
  code: "CLIENT_CLOSED",
  requests: 0,
  rows: 0,
  bytesFromClient: 0,
  bytesToClient: 0,
  maskedValues: 0,
};

export async function openSession(
  { mover, sender }: Plane,
  onBroken: (code: string) => void,
): Promise<Session> {
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
      const refused = await recorder.askStrictly({ ...asking(request), text: Buffer.from(text) });
      request += 1;
      assert.equal(refused, undefined);
    },
  };
}

export const unbroken = (code: string): void => assert.fail(`the record broke off: ${code}`);

export function requests({ broker }: Replica, operation: string): readonly unknown[] {
  return broker.asked.filter((asked) => asked.operation === operation).map(({ request }) => request);
}

export async function verified(...replicas: readonly Replica[]): Promise<SetVerification> {
  const options = replicas.map(async ({ directory, keys }) => ({
    disk: realDisk,
    directory,
    texts: await openTexts(realDisk, join(directory, "session-keys"), keys),
  }));
  return verifyTrails(await Promise.all(options));
}

export async function kindsOf(replica: Replica, session: SessionId): Promise<unknown[]> {
  return (await leavesOf(replica, session)).map(({ kind }) => kind);
}

/** Each request and each result for itself. */
export async function shownOf(replica: Replica, session: SessionId): Promise<readonly EventFields[]> {
  return (await leavesOf(replica, session)).flatMap(shownEvents);
}

async function leavesOf({ directory }: Replica, session: SessionId): Promise<readonly EventFields[]> {
  const leaves: EventFields[] = [];
  for await (const entry of readTrail({ disk: realDisk, directory }))
    if (entry.kind === "leaf" && entry.session === session) leaves.push(parseLeaf(entry.leaf) ?? {});
  return leaves;
}

export function assertWhole({ trails, findings, notices }: SetVerification): void {
  assert.deepEqual([...trails.flatMap((trail) => trail.findings), ...findings], []);
  assert.deepEqual(notices, []);
}
