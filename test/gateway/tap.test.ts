/** What a session's tap promises a protocol, whichever it is: a verdict at once, or one that waits for the record. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadKinds } from "#core/api/load.ts";
import { compile } from "#core/policy/compile.ts";
import type { Request } from "#core/policy/facts.ts";
import type { AppendAnswer, SealedEvent } from "#core/port/port.ts";
import { refusal } from "#core/values/refusal.ts";
import type { ActivePlan } from "#sidecar/gateway/plans.ts";
import { type SessionTap, openTap } from "#sidecar/gateway/tap.ts";
import { openRecorder } from "#sidecar/uplink/recorder.ts";
import { openSender } from "#sidecar/uplink/sender.ts";
import { newSession } from "#test/trail/support.ts";
import { Door } from "./support/door.ts";
import { until } from "./support/in-process.ts";
import { connection, policy } from "./support/kinds.ts";

const DURABLE_FIRST = { trail: { reads: "durableFirst" } };

interface Read {
  readonly opening: Request;
  readonly request: Request;
  readonly kinds: readonly object[];
}

const READS: Readonly<Record<string, Read>> = {
  postgres: {
    opening: { protocol: "postgres", statements: [] },
    request: {
      protocol: "postgres",
      statements: [
        {
          class: "read",
          accesses: [{ verb: "read", relation: { schema: "public", name: "orders" }, unfiltered: true }],
          calls: [],
          doubts: [],
          columns: [],
          literalOffsetsBytes: [],
          startByte: 0,
          lengthBytes: 20,
        },
      ],
    },
    kinds: [policy()],
  },
  kubernetes: {
    opening: { protocol: "kubernetes", acts: [] },
    request: {
      protocol: "kubernetes",
      acts: [{ kind: "resource", verb: "list", group: "", resource: "pods", namespace: "shop" }],
    },
    kinds: [policy({ allow: [{ name: "look", kubernetes: { verbs: ["list"], resources: ["pods"] } }] })],
  },
};

function planOf(protocol: string, kinds: readonly object[], trail: object): ActivePlan {
  const particulars = { protocol, postgres: undefined, tls: undefined, [protocol]: { database: "orders" } };
  const mine = protocol === "postgres" ? {} : { ...particulars, [protocol]: {} };
  const documents = [connection(1, "/password", { ...mine, ...trail }), ...kinds];
  const text = documents.map((kind) => JSON.stringify(kind)).join("\n---\n");
  const { connections, policies, diagnostics } = loadKinds([{ path: "kinds.yaml", text }]);
  // Whose tokens are believed is the broker's matter.
  assert.deepEqual(
    diagnostics.filter(({ code }) => code !== "UNKNOWN_PROVIDER"),
    [],
  );
  const [found] = connections;
  assert.ok(found);
  const { spec, metadata } = found;
  const view = { metadata, spec: { ...spec, tls: { mode: "disable" }, credential: "none" } } as const;
  return {
    version: JSON.stringify(trail),
    plan: compile({ connections, policies }),
    connections: [view],
    policies,
    connection: () => view,
  };
}

interface TapRig extends AsyncDisposable {
  readonly tap: SessionTap;
  readonly stored: SealedEvent[];
  readonly door: Door;
}

function tapRig(plan: ActivePlan, opening: Request, trailWaitMs: number): TapRig {
  const door = new Door();
  const stored: SealedEvent[] = [];
  const session = newSession();
  const append = async (batch: readonly SealedEvent[]): Promise<readonly AppendAnswer[]> => {
    await door.pass();
    stored.push(...batch);
    return [{ session, seq: batch.at(-1)?.seq ?? -1 }];
  };
  const sender = openSender({ port: { append }, chance: () => 0 });
  const recorder = openRecorder(
    { session, digestKey: new Uint8Array(32), onBroken: (why) => assert.fail(why.code) },
    { sender, nowMs: Date.now, trailWaitMs },
  );
  const tap = openTap({
    caller: { identity: { oidc: { provider: "test", claims: { sub: "agent" } } }, ancestors: [] },
    connection: { namespace: "shop", name: "orders" },
    opening,
    plan,
    recorder,
    hold: async () => refusal("ASK_NOT_AVAILABLE"),
    meters: {
      turnedAway: () => undefined,
      opened: () => undefined,
      ended: () => undefined,
      requests: () => ({ decided: () => ({ count: 0 }), took: () => undefined, result: () => undefined }),
    },
    onRefused: () => undefined,
    nowMs: Date.now,
  });
  return {
    tap,
    stored,
    door,
    [Symbol.asyncDispose]: async () => {
      door.open();
      await sender[Symbol.asyncDispose]();
    },
  };
}

for (const [protocol, { opening, request, kinds }] of Object.entries(READS)) {
  const ahead = planOf(protocol, kinds, {});
  const first = planOf(protocol, kinds, DURABLE_FIRST);

  test(`${protocol}: a read waits for its record, or goes ahead of it, as the plan in force says`, async () => {
    await using rig = tapRig(ahead, opening, 60_000);
    rig.door.shut();
    assert.equal((rig.tap.decide(request, Buffer.from("1")) as { pass?: boolean }).pass, true, "at once");
    rig.tap.adopt(first);
    const verdict = rig.tap.decide(request, Buffer.from("2"));
    assert.ok(verdict instanceof Promise);
    await until(() => rig.door.waiting > 0);
    assert.deepEqual(rig.stored, []);
    rig.door.open();
    const { pass } = await verdict;
    assert.equal(pass, true);
    assert.ok(rig.stored.length > 0);
    rig.tap.adopt(ahead);
    assert.ok(!(rig.tap.decide(request, Buffer.from("3")) instanceof Promise));
  });

  test(`${protocol}: a read whose record is not durable in time is refused`, async () => {
    await using rig = tapRig(first, opening, 20);
    rig.door.shut();
    const verdict = await rig.tap.decide(request, Buffer.from("1"));
    assert.equal(verdict.pass ? undefined : verdict.refusal.code, "TRAIL_UNAVAILABLE");
    rig.door.open();
    await until(() => rig.stored.length > 0);
    await until(async () => (await rig.tap.decide(request, Buffer.from("2"))).pass);
  });
}
