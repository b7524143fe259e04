/** A network between gateway and broker that cuts, stalls, swallows, repeats and reorders: no event is lost, none comes twice. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { Admission, Ledger } from "#broker/trail/ledger.ts";
import type { SingleBody } from "#core/audit/event.ts";
import { sessionId } from "#core/port/ids.ts";
import type { AppendAnswer, SealedEvent } from "#core/port/port.ts";
import { openRecorder } from "#sidecar/uplink/recorder.ts";
import { openSender } from "#sidecar/uplink/sender.ts";
import { type FaultProxy, faultProxy } from "./fault-proxy.ts";
import { callSamples } from "./samples.ts";
import { ScriptedBroker } from "./scripted-broker.ts";
import { type CarriedPod, mutualTls, podUplink } from "./tls.ts";
import { until } from "./until.ts";

const never = new AbortController().signal;
const HEARTBEAT_MS = 50;

/** A broker whose trail is the real one's judgement, in memory. */
class StoringBroker extends ScriptedBroker {
  readonly ledger = new Ledger();
  readonly stored: SealedEvent[] = [];

  constructor() {
    super();
    this.script.append = async ({ batch }) => this.#store(batch);
  }

  #store(batch: readonly SealedEvent[]): readonly AppendAnswer[] {
    const admission = new Admission(this.ledger);
    for (const event of batch) {
      const verdict = admission.take(event);
      assert.ok(verdict.kind === "new" || verdict.kind === "stands", verdict.kind);
      if (verdict.kind === "new") this.stored.push(event);
    }
    for (const leaf of admission.leaves) this.ledger.apply(leaf);
    const sessions = [...new Set(batch.map(({ session }) => session))];
    return sessions.map((session) => ({ session, seq: admission.state(session).seq }));
  }
}

async function behindProxy(broker: ScriptedBroker) {
  await using stack = new AsyncDisposableStack();
  const carried: CarriedPod = stack.use(await mutualTls(broker));
  const proxy: FaultProxy = stack.use(await faultProxy(carried.replica.port));
  const uplink = stack.use(
    podUplink(carried.files, carried.replica, { port: proxy.port, heartbeatMs: HEARTBEAT_MS }),
  );
  await uplink.connected(never);
  const open = stack.move();
  return { uplink, proxy, carried, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

const opened: SingleBody = {
  kind: "session.open",
  connection: { namespace: "shop", name: "orders" },
  protocol: "postgres",
  listener: "pod",
  caller: { identity: {}, ancestors: [] },
  planVersion: "1",
  intent: {},
};

const EVENTS = 200;

/** Records on and on while `disturb` does its worst, then waits for the last acknowledgement. */
async function recordThrough(disturb: (proxy: FaultProxy, index: number) => void): Promise<void> {
  const broker = new StoringBroker();
  await using network = await behindProxy(broker);
  await using sender = openSender({ port: network.uplink, chance: () => 0.1 });
  const session = sessionId(randomBytes(16));
  const tools = { sender, nowMs: Date.now, trailWaitMs: 60_000 };
  const onBroken = (): void => assert.fail("the record broke off");
  const recorder = openRecorder({ session, digestKey: randomBytes(32), onBroken }, tools);
  assert.equal(await recorder.recordStrictly(opened), undefined);
  for (let index = 0; index < EVENTS; index += 1) {
    disturb(network.proxy, index);
    await recorder.room();
    recorder.record({ kind: "credential", action: "proved", lease: "lease-1", source: String(index) });
    if (index % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  network.proxy.isPartitioned = false;
  network.proxy.mangle = undefined;
  network.proxy.delayMs = 0;
  assert.equal(
    await recorder.recordStrictly({ kind: "credential", action: "released", lease: "l", source: "" }),
    undefined,
  );
  assert.deepEqual(
    broker.stored.map(({ seq }) => seq),
    Array.from({ length: EVENTS + 2 }, (_, seq) => seq),
  );
}

test("connections that are cut again and again lose nothing of a record", async () => {
  await recordThrough((proxy, index) => index % 25 === 12 && proxy.cut());
});

test("nor does a network that swallows everything for a while", async () => {
  await recordThrough((proxy, index) => {
    proxy.isPartitioned = index % 50 > 40;
  });
});

test("nor a slow one", async () => {
  await recordThrough((proxy) => {
    proxy.delayMs = 15;
  });
});

for (const [what, mangled] of [
  ["comes twice", (piece: Buffer) => [piece, piece]],
  [
    "comes in another order",
    (piece: Buffer) => [piece.subarray(piece.length >> 1), piece.subarray(0, piece.length >> 1)],
  ],
  [
    "was changed",
    (piece: Buffer) => [Buffer.concat([piece.subarray(0, -1), Buffer.of((piece.at(-1) ?? 0) ^ 1)])],
  ],
] as const)
  test(`what ${what} on the way ends the connection, and nothing else`, async () => {
    const broker = new StoringBroker();
    await using network = await behindProxy(broker);
    const before = network.proxy.connections;
    network.proxy.mangle = (piece) => {
      network.proxy.mangle = undefined;
      return mangled(piece);
    };
    const asked = broker.asked.length;
    const answer = await network.uplink.renew("lease-1", never);
    // The first of two copies is understood, and may be answered before the second ends it.
    const isAnswered = typeof answer === "object" && "lease" in answer;
    assert.equal(isAnswered && what !== "comes twice", false, "what was mangled was understood");
    await until(() => network.proxy.connections === before + 1);
    await network.uplink.connected(never);
    const since = broker.asked.slice(asked).map(({ operation }) => operation);
    assert.ok(since.filter((operation) => operation === "renew").length <= 1, since.join());
    assert.deepEqual(await network.uplink.renew("lease-1", never), callSamples().renew.answers[0]);
  });

test("a broker that nothing is heard of any more is given up, and found again when it is back", async () => {
  const broker = new StoringBroker();
  await using network = await behindProxy(broker);
  network.proxy.isPartitioned = true;
  const asked = network.uplink.renew("lease-1", never);
  const answer = await asked;
  assert.equal(typeof answer === "object" && "code" in answer && answer.code, "BROKER_UNREACHABLE");
  await until(() => network.uplink.state === "away");
  network.proxy.isPartitioned = false;
  await network.uplink.connected(never);
  assert.deepEqual(await network.uplink.renew("lease-1", never), callSamples().renew.answers[0]);
});

test("a quiet broker that is there is kept", async () => {
  const broker = new StoringBroker();
  await using network = await behindProxy(broker);
  const beats = (): number => broker.asked.filter(({ operation }) => operation === "release").length;
  await until(() => beats() >= 4);
  assert.equal(network.proxy.connections, 1);
});
