/** What a cluster's objects come to, through any history: as if all were read anew, but for the versions that were good last. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { loadKinds } from "#core/api/load.ts";
import { carryForward } from "#core/policy/carry-forward.ts";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import type { Plan } from "#core/policy/plan.ts";
import { revocationGuardrail, withAllBelow } from "#core/policy/revocation.ts";
import { openingOf } from "#core/policy/protocols/table.ts";
import { documentOf } from "#operator/admission/kinds/document.ts";
import { type Desired, desiredState } from "#operator/desired/desired.ts";
import type { OwnKind } from "#operator/kube/resource.ts";
import { fuzzRuns, fuzzSeed } from "../support/fuzz.ts";
import { connectionObject, policyObject, tcpObject } from "./live/objects.ts";

function stored(object: OwnKind, uid: string, generation = 1): OwnKind {
  return { ...object, metadata: { ...object.metadata, uid, generation, resourceVersion: `${generation}` } };
}

const orders = stored(connectionObject("prod", "orders"), "orders");
const readers = stored(policyObject("prod", "readers"), "readers");

function outcome({ plan }: { readonly plan: Plan }): string {
  const connection = { namespace: "prod", name: "orders" };
  const caller = { identity: { serviceAccount: { namespace: "prod", name: "runner" } }, ancestors: [] };
  const decision = decide(plan, { caller, connection, nowMs: 0, request: openingOf("postgres") });
  return decision.outcome === "allow" ? "allow" : decision.code;
}

function broken(generation: number): OwnKind {
  return stored(policyObject("prod", "readers", { allow: [{ name: "a", tcp: {} }] }), "readers", generation);
}

test("a policy that got in broken opens nothing, and closes what another policy opens", () => {
  const state = desiredState();
  assert.equal(outcome(state.read([orders, readers])), "allow");
  const other = stored(policyObject("prod", "wrong", { allow: [{ name: "a", tcp: {} }] }), "wrong");
  const desired = state.read([orders, readers, other]);
  assert.equal(outcome(desired), "DENY_POLICY_INVALID");
  assert.equal(desired.standings.get("wrong")?.state, "broken");
  assert.deepEqual(desired.relations.closedBy.get("prod/orders"), {
    count: 1,
    first: ["SecretAccessPolicy prod/wrong"],
  });
  assert.equal(outcome(state.read([orders, readers])), "allow");
});

test("a bad edit leaves the last good version in force, whatever follows, until it is mended or removed", () => {
  const state = desiredState();
  state.read([orders, readers]);
  for (const generation of [2, 3]) {
    const desired = state.read([orders, broken(generation)]);
    assert.equal(outcome(desired), "allow");
    const { state: standing, keptGeneration } = desired.standings.get("readers") ?? {};
    assert.deepEqual([standing, keptGeneration], ["kept", 1]);
  }
  assert.equal(outcome(state.read([orders])), "DENY_NO_POLICY");
  // What was removed is forgotten: the same name later is another object.
  assert.equal(outcome(state.read([orders, broken(4)])), "DENY_POLICY_INVALID");
});

test("the last good version does not outlive whoever has read it: what starts beside a bad edit finds it closed", () => {
  const before = desiredState();
  before.read([orders, readers]);
  assert.equal(outcome(before.read([orders, broken(2)])), "allow");
  const after = desiredState().read([orders, broken(2)]);
  assert.equal(outcome(after), "DENY_POLICY_INVALID");
  assert.equal(after.standings.get("readers")?.state, "broken");
});

test("a Connection that was made wrong is there as it was; one that was never right is not there", () => {
  const state = desiredState();
  const env = { credential: { mode: "static", source: { env: { name: "KEY" } } } };
  const wrong = (generation: number): OwnKind =>
    stored(connectionObject("prod", "orders", env), "orders", generation);
  assert.equal(outcome(desiredState().read([wrong(1), readers])), "DENY_UNKNOWN_CONNECTION");
  state.read([orders, readers]);
  const desired = state.read([wrong(2), readers]);
  assert.equal(outcome(desired), "allow");
  const secret = { secret: { name: "db", key: "password" } };
  assert.deepEqual(desired.loaded.connections[0]?.spec.credential.source, secret);
});

test("a Connection that changes its protocol makes its policy wrong, and mends it when it changes back", () => {
  const state = desiredState();
  state.read([orders, readers]);
  const relay = stored(tcpObject("prod", "orders"), "orders", 2);
  const desired = state.read([relay, readers]);
  assert.equal(desired.standings.get("readers")?.findings[0]?.code, "PROTOCOL_MISMATCH");
  assert.equal(
    state.read([stored(connectionObject("prod", "orders"), "orders", 3), readers]).standings.get("readers")
      ?.state,
    "good",
  );
});

test("an object without uid was never stored, and is not in force", () => {
  assert.equal(
    outcome(desiredState().read([connectionObject("prod", "orders"), readers])),
    "DENY_UNKNOWN_CONNECTION",
  );
});

const VERSIONS: readonly ((generation: number) => OwnKind | undefined)[] = [
  () => undefined,
  (generation) => stored(connectionObject("prod", "orders"), "orders", generation),
  (generation) => stored(tcpObject("prod", "orders"), "orders", generation),
  () => undefined,
  (generation) => stored(policyObject("prod", "readers"), "readers", generation),
  (generation) => stored(policyObject("prod", "readers", { mode: "observe" }), "readers", generation),
  broken,
  (generation) => stored(policyObject("prod", "readers", { allow: "x" }), "readers", generation),
];

test("through any history the plan is that of files with the same history", () => {
  const step = fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 3, max: 7 }));
  const property = fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
    const state = desiredState();
    let policies: Parameters<typeof carryForward>[0] = [];
    let last: Desired | undefined;
    let lastConnection: OwnKind | undefined;
    for (const [index, [connection, policy]] of steps.entries()) {
      const objects = [VERSIONS[connection]?.(index), VERSIONS[policy]?.(index)].filter(
        (one) => one !== undefined,
      );
      last = state.read(objects);
      lastConnection = VERSIONS[connection]?.(index);
      const loaded = loadKinds(objects.map((object) => documentOf(object, object.metadata.uid ?? "")));
      policies = carryForward(policies, loaded.policies);
      const files = compile({ connections: loaded.connections, policies });
      assert.equal(outcome(last), outcome({ plan: files }));
      assert.deepEqual(
        last.plan.policies.map(({ hash, stale }) => [hash, stale.length > 0]),
        files.policies.map(({ hash, stale }) => [hash, stale.length > 0]),
      );
    }
    assert.equal(last?.loaded.connections.length, lastConnection === undefined ? 0 : 1);
  });
  fc.assert(property, { numRuns: fuzzRuns(200), ...fuzzSeed() });
});

test("of a revocation it is known who made it and why, and nothing else that is written on it", () => {
  const written = revocationGuardrail({
    scope: "pod",
    about: "planner",
    mark: "3f9a2c",
    by: "ada",
    because: "incident 4711",
    whom: "pod shop/planner",
    untilMs: 4_000_000_000_000,
    subjects: withAllBelow([{ pod: { uid: "u" } }]),
  });
  const { labels, annotations, name } = written.metadata;
  const more = Object.fromEntries(Array.from({ length: 80 }, (_, at) => [`example.com/a-${at}`, "x"]));
  const objectOf = (of: Readonly<Record<string, string>>): OwnKind => ({
    ...written,
    metadata: { name, labels: { ...of, ...more }, annotations: { ...annotations, ...more } },
  });
  const metadataOf = (object: OwnKind): unknown => {
    const { diagnostics, policies } = loadKinds([documentOf(object, "u")]);
    assert.deepEqual(diagnostics, []);
    const [source] = policies;
    assert.ok(source?.state === "good");
    return [{ ...source.policy.metadata.labels }, { ...source.policy.metadata.annotations }];
  };
  assert.deepEqual(metadataOf(objectOf(labels ?? {})), [labels, annotations]);
  assert.deepEqual(metadataOf(objectOf({})), [{}, {}]);
});

test("many objects, of which one changes, are read in little time", (t) => {
  const many = Array.from({ length: 2_000 }, (_, at) =>
    at % 4 === 0
      ? stored(connectionObject(`ns-${at % 40}`, `c-${at}`), `c-${at}`)
      : stored(
          policyObject(`ns-${at % 40}`, `p-${at}`, { connections: { names: [`c-${at - (at % 4)}`] } }),
          `p-${at}`,
        ),
  );
  const state = desiredState();
  const tookMs = (objects: readonly OwnKind[]): number => {
    const startedMs = performance.now();
    assert.ok(
      [...state.read(objects).standings.values()].every(({ state: standing }) => standing === "good"),
    );
    return performance.now() - startedMs;
  };
  t.diagnostic(`figure kinds.read-2000-ms=${tookMs(many).toFixed(0)}`);
  const changed = many.with(1, stored(policyObject("ns-1", "p-1", { mode: "observe" }), "p-1", 2));
  t.diagnostic(`figure kinds.read-1-of-2000-ms=${tookMs(changed).toFixed(0)}`);
});
