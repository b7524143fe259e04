/** What becomes of a captured connection, decided before a byte of it is read. */
import assert from "node:assert/strict";
import { Socket } from "node:net";
import { createSecureContext } from "node:tls";
import { test } from "node:test";
import type { EventBody } from "#core/audit/event.ts";
import type { ConnectionView } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { OriginalDestination } from "#runtime/native/sockets.ts";
import type { Listener } from "#sidecar/gateway/listener.ts";
import { type ActivePlan, openPlans } from "#sidecar/gateway/plans.ts";
import { openVirtualNames } from "#sidecar/pod/names/virtual.ts";
import { type PlaneOptions, openPlane } from "#sidecar/pod/plane.ts";

const tcp = (name: string, host: string): ConnectionView => ({
  metadata: { namespace: "shop", name },
  spec: { protocol: "tcp", address: { host, port: 443 }, tls: { mode: "disable" } },
});
const postgres = (name: string, host: string): ConnectionView => ({
  metadata: { name },
  spec: {
    protocol: "postgres",
    address: { host, port: 5432 },
    postgres: { database: "orders", user: "agent" },
    tls: { mode: "disable" },
  },
});

function planOf(...connections: readonly ConnectionView[]): ActivePlan {
  const plans = openPlans();
  plans.accept({ kind: "plan", version: "1", connections, policies: [] });
  assert.ok(plans.current);
  return plans.current;
}

function open(plan: ActivePlan | undefined, first: OriginalDestination | undefined, planMsMax = 60_000) {
  let to = first;
  let why = refusal("BROKER_UNAVAILABLE");
  const taken: Listener[] = [];
  const recorded: EventBody[] = [];
  const secured: string[] = [];
  const told: string[] = [];
  let adopt: (plan: ActivePlan) => void = () => undefined;
  const names = openVirtualNames({ saved: {}, save: () => undefined, nowMs: () => 0 });
  const options: PlaneOptions = {
    gateway: {
      plan,
      onPlan: (listener) => (adopt = listener),
      take: (_client, listener) => void taken.push(listener),
      recordStranger: (body) => void recorded.push(body),
    },
    pod: { name: "agent-1", namespace: "shop", uid: "u", node: "n" },
    names,
    authority: {
      contextFor: (host) => {
        secured.push(host);
        return createSecureContext();
      },
    },
    destination: () => to,
    serveOwn: () => undefined,
    onRefused: (why, where) => {
      told.push(`${why.code} ${where}`);
      return "1d";
    },
    withoutPlan: () => why,
    planMsMax,
  };
  return {
    plane: openPlane(options),
    taken,
    recorded,
    secured,
    told,
    names,
    adopt: (next: ActivePlan) => adopt(next),
    refuseWith: (next: Refusal) => (why = next),
    goTo: (next: OriginalDestination) => (to = next),
  };
}

const at = (address: string, port: number): OriginalDestination => ({ address, port, family: 4 });

test("what was not redirected has dialled the gateway itself, and is closed without a word", async () => {
  const { plane, told, recorded } = open(planOf(), undefined);
  assert.deepEqual(await plane.route(new Socket()), { kind: "close" });
  assert.deepEqual([told, recorded], [[], []]);
});

test("a session's listener is its connection's, in its own namespace or the pod's, and TLS for the name", async () => {
  const { plane, taken, secured } = open(planOf(postgres("orders", "10.0.0.7")), at("10.0.0.7", 5432));
  assert.deepEqual(await plane.route(new Socket()), { kind: "taken" });
  const [listener] = taken;
  assert.deepEqual(listener?.connection, { namespace: "shop", name: "orders" });
  assert.equal(listener?.greeting.identity, "ambient");
  assert.ok(listener?.greeting.tls);
  assert.deepEqual(secured, ["10.0.0.7"]);
});

test("what is relayed as it is has no certificate of ours", async () => {
  const { plane, taken, secured } = open(planOf(tcp("api", "10.0.0.8")), at("10.0.0.8", 443));
  await plane.route(new Socket());
  assert.equal(taken[0]?.greeting.tls, undefined);
  assert.deepEqual(secured, []);
});

test("without a plan it is waited for, and found when it comes", async () => {
  const { plane, taken, adopt } = open(undefined, at("10.0.0.7", 5432));
  const route = plane.route(new Socket());
  adopt(planOf(postgres("orders", "10.0.0.7")));
  assert.deepEqual(await route, { kind: "taken" });
  assert.equal(taken.length, 1);
});

test("whoever waited for nothing is told that there is no broker: in time, and at once when the gateway stops", async () => {
  for (const { plane, told, recorded } of [
    open(undefined, at("10.0.0.7", 5432), 1),
    open(undefined, at("10.0.0.7", 5432)),
  ]) {
    const route = plane.route(new Socket());
    if (told.length === 0) plane.stopWaiting();
    const found = await route;
    assert.ok(found.kind === "refused");
    assert.equal(found.why.code, "BROKER_UNAVAILABLE");
    assert.match(found.why.publicText, /\(refusal 1d\)$/);
    assert.deepEqual(told, ["BROKER_UNAVAILABLE 10.0.0.7:5432"]);
    // There is nobody who could keep the record.
    assert.deepEqual(recorded, []);
  }
});

test("where the broker would not have the pod, whoever waited for a plan is told that", async () => {
  const { plane, told, refuseWith } = open(undefined, at("10.0.0.7", 5432));
  const route = plane.route(new Socket());
  refuseWith(refusal("POD_UNTRUSTED"));
  plane.stopWaiting();
  const found = await route;
  assert.ok(found.kind === "refused" && found.why.code === "POD_UNTRUSTED");
  assert.deepEqual(told, ["POD_UNTRUSTED 10.0.0.7:5432"]);
});

test("a plan that no longer has a name leaves its address to nobody", async () => {
  const { plane, names, adopt, told, taken, goTo } = open(planOf(postgres("orders", "orders")), undefined);
  const address = [...(names.addressesOf("orders.shop")?.ipv4 ?? [])].join(".");
  goTo(at(address, 5432));
  assert.deepEqual(await plane.route(new Socket()), { kind: "taken" });
  adopt(planOf());
  assert.equal((await plane.route(new Socket())).kind, "refused");
  assert.deepEqual(told, ["DESTINATION_UNKNOWN orders.shop:5432"]);
  assert.equal(taken.length, 1);
});
