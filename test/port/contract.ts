/** What every carrier of the port has to hold. A carrier is a row in contract.test.ts. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { callRow, tellRow } from "#core/port/messages.ts";
import type { AnswerOf, CallOperation, TellOperation } from "#core/port/operations.ts";
import type { BrokerPort, Push } from "#core/port/port.ts";
import { refusal } from "#core/values/refusal.ts";
import { callSamples, planSample, pushSamples, tellSamples } from "./samples.ts";
import { ScriptedBroker } from "./scripted-broker.ts";
import { until } from "./until.ts";

export interface Carried extends AsyncDisposable {
  readonly port: BrokerPort;
}
export type OpenCarrier = (broker: BrokerPort) => Promise<Carried>;

const never = new AbortController().signal;
const CALLS = Object.keys(callSamples()) as CallOperation[];

export function portContract(name: string, open: OpenCarrier): void {
  describe(`the port over ${name}`, () => {
    for (const operation of CALLS) answersArrive(operation, open);
    for (const operation of Object.keys(tellSamples) as TellOperation[]) tellsArrive(operation, open);

    test("a plan comes at once, what changes follows, and the signal ends it", async () => {
      const broker = new ScriptedBroker();
      broker.plan = planSample;
      await using carried = await open(broker);
      const heard: Push[] = [];
      const stop = new AbortController();
      carried.port.subscribe((push) => heard.push(push), stop.signal);
      await until(() => heard.length === 1);
      for (const push of pushSamples.slice(1)) broker.push(push);
      await until(() => heard.length === pushSamples.length);
      assert.deepEqual(heard, pushSamples);
      stop.abort();
      broker.push({ kind: "revoked", session: "AAECAwQFBgcICQoLDA0ODw", refusal: refusal("REVOKED") });
      broker.push({ ...planSample, version: "2" });
      await carried.port.exchange(callSamples().exchange.request, never);
      assert.equal(heard.length, pushSamples.length, "what was pushed before the answer was not listened to");
    });

    test("a signal ends the wait here and the work there", async () => {
      const broker = new ScriptedBroker();
      broker.script.hold = async (_request, signal) => {
        await once(signal, "abort");
        throw signal.reason;
      };
      await using carried = await open(broker);
      const stop = new AbortController();
      const waiting = carried.port.hold("AAECAwQFBgcICQoLDA0ODw", "may I", stop.signal);
      await until(() => broker.asked.some(({ operation }) => operation === "hold"));
      const reason = new Error("the client left");
      stop.abort(reason);
      await assert.rejects(waiting, reason);
      await until(() => broker.asked.find(({ operation }) => operation === "hold")?.signal.aborted === true);
      const twin = await carried.port.renew("lease-1", never);
      assert.deepEqual(twin, callSamples().renew.answers[0], "the port goes on after a cancelled call");
    });

    test("many at once are answered each with its own, in whatever order", async () => {
      const broker = new ScriptedBroker();
      const held = new Map<string, () => void>();
      broker.script.renew = ({ lease }) => {
        const { promise, resolve } = Promise.withResolvers<AnswerOf<"renew">>();
        held.set(lease, () => resolve({ lease, user: `user of ${lease}`, expiresMs: 1 }));
        return promise;
      };
      await using carried = await open(broker);
      const leases = Array.from({ length: 500 }, (_, index) => `lease-${index}`);
      const answers = Promise.all(leases.map((lease) => carried.port.renew(lease, never)));
      await until(() => held.size === leases.length);
      for (const lease of leases.toReversed()) held.get(lease)?.();
      for (const [index, answer] of (await answers).entries())
        assert.deepEqual(answer, { lease: leases[index], user: `user of ${leases[index]}`, expiresMs: 1 });
    });

    test("batches are taken in the order they were given", async () => {
      const broker = new ScriptedBroker();
      await using carried = await open(broker);
      const [event] = callSamples().append.request.batch;
      assert.ok(event);
      const seqs = Array.from({ length: 64 }, (_, seq) => seq);
      await Promise.all(seqs.map((seq) => carried.port.append([{ ...event, seq }], never)));
      const taken = broker.asked.filter(({ operation }) => operation === "append");
      const order = taken.map(({ request }) => (request as { batch: { seq: number }[] }).batch[0]?.seq);
      assert.deepEqual(order, seqs);
    });
  });
}

function answersArrive(operation: CallOperation, open: OpenCarrier): void {
  test(`${operation} arrives as it was asked and comes back as it was answered`, async () => {
    for (const answer of callSamples()[operation].answers) {
      const broker = new ScriptedBroker();
      // Taken now: what is secret in it is wiped on the way.
      const expected = plain(operation === "hello" ? callSamples().hello.answers[0] : answer);
      await using carried = await open(broker);
      if (operation !== "hello") broker.script = { [operation]: async () => answer };
      const { request } = callSamples()[operation];
      const got = await callRow(operation).perform(carried.port, request, never);
      // The greeting is the carrier's own on a socket: its answer is what the connection began with.
      assert.deepEqual(plain(got), expected);
      const asked = broker.asked.find((entry) => entry.operation === operation);
      if (operation !== "hello")
        assert.deepEqual(plain(asked?.request), plain(callSamples()[operation].request));
    }
  });
}

function tellsArrive(operation: TellOperation, open: OpenCarrier): void {
  test(`${operation} arrives as it was told`, async () => {
    const broker = new ScriptedBroker();
    await using carried = await open(broker);
    tellRow(operation).perform(carried.port, tellSamples[operation]);
    await until(() => broker.appliedVersions.length + broker.reports.length === 1);
    if (operation === "applied") assert.deepEqual(broker.appliedVersions, [tellSamples.applied.planVersion]);
    else assert.deepEqual(broker.reports, [tellSamples.report]);
  });
}

/** Buffers and arrays of bytes are the same to a reader of the port. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}
