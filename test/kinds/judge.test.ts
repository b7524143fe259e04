/** What the webhook and the reconcilers say of one object. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KINDS } from "#core/api/schema.gen.ts";
import { errorsOf, judgeKind, sayErrors } from "#operator/admission/kinds/judge.ts";
import { hostReferences } from "#operator/admission/kinds/host-references.ts";
import { neighboursOf } from "#operator/admission/kinds/neighbours.ts";
import type { Connection, IdentityProvider } from "#core/api/kinds.gen.ts";
import type { OwnKind } from "#operator/kube/resource.ts";
import { openStore, type Store } from "#operator/kube/store.ts";
import { fieldsNamed } from "./fields.ts";
import { connectionObject, policyObject, tcpObject } from "./live/objects.ts";

const errorLines = (object: unknown): readonly string[] =>
  errorsOf(judgeKind(object, "uid")).map(({ code, field }) => `${code} ${field}`);

test("an object as the API server keeps it is judged by what its author wrote", () => {
  const kept = {
    ...connectionObject("prod", "orders"),
    metadata: {
      namespace: "prod",
      name: "orders",
      uid: "u",
      resourceVersion: "7",
      generation: 3,
      creationTimestamp: "2026-01-01T00:00:00Z",
      managedFields: [{ manager: "kubectl" }],
      annotations: Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`example.com/n${at}`, "x"])),
      labels: { tier: "a" },
    },
    status: { conditions: [] },
  };
  const judgement = judgeKind(kept, "u");
  assert.deepEqual(judgement.findings, []);
  assert.ok(judgement.kind === "connection");
  const { name, namespace, labels } = judgement.connection?.metadata ?? {};
  assert.deepEqual(
    { name, namespace, labels: { ...labels } },
    {
      namespace: "prod",
      name: "orders",
      labels: { tier: "a" },
    },
  );
});

test("what the reader refuses and what the compiler refuses is refused alike, with the field", () => {
  assert.deepEqual(errorLines(policyObject("prod", "p", { allow: [] })), ["TOO_FEW_ITEMS spec.allow"]);
  assert.deepEqual(errorLines(policyObject("prod", "p", { expires: "tomorrow" })).length > 0, true);
  assert.deepEqual(errorLines(policyObject("prod", "p")), []);
});

test("no odd object makes it throw, and none is good", () => {
  for (const odd of [
    undefined,
    null,
    7,
    "text",
    [],
    {},
    { kind: "Connection" },
    { kind: "Pod", apiVersion: "v1" },
  ])
    assert.ok(errorsOf(judgeKind(odd, "uid")).length > 0, JSON.stringify(odd));
});

test("errors are told in one line, the first five of them", () => {
  const errors = Array.from({ length: 7 }, (_, at) => {
    return { severity: "error", code: "X", field: at === 0 ? "" : `f${at}`, message: "m" } as const;
  });
  assert.equal(sayErrors(errors), "m; f1: m; f2: m; f3: m; f4: m; and 2 more");
});

test("every field of the kinds that names a file or variable of the host is known as one", () => {
  const file = { path: "/a" };
  const env = { name: "A" };
  const known = [
    ...hostReferences({
      kind: "Connection",
      spec: {
        credential: { source: { file, env, postgresRole: { minter: { file, env } } } },
        tls: { ca: { file: "/a" } },
      },
    } as unknown as Connection),
    ...hostReferences({
      kind: "IdentityProvider",
      spec: { ca: { file: "/a" } },
    } as unknown as IdentityProvider),
  ].map(({ field }) => field);
  const there = [KINDS.Connection, KINDS.IdentityProvider].flatMap(({ spec }) =>
    fieldsNamed(spec, ["file", "env"]),
  );
  assert.deepEqual(known.toSorted(), there.toSorted());
});

test("in a cluster a Secret is taken and a file is not", () => {
  assert.deepEqual(errorLines(connectionObject("prod", "orders")), []);
  const credential = { mode: "static", source: { file: { path: "/etc/key" } } };
  assert.deepEqual(errorLines(connectionObject("prod", "orders", { credential })), [
    "HOST_REFERENCE spec.credential.source.file",
  ]);
});

function stores(
  ...connections: readonly OwnKind[]
): Record<"Connection" | "IdentityProvider", Store<OwnKind>> {
  const open = (name: string): Store<OwnKind> => openStore<OwnKind>({ name, onError: assert.ifError });
  const known = { Connection: open("connections"), IdentityProvider: open("identityproviders") };
  for (const connection of connections) known.Connection.set(connection);
  return known;
}

test("beside its neighbours a policy is told of names that mean nothing, and broken by a protocol none speaks", () => {
  const known = stores(connectionObject("prod", "orders"), tcpObject("other", "search"));
  assert.equal(neighboursOf(known, "prod"), undefined);
  for (const store of Object.values(known)) store.retain(new Set(["prod/orders", "other/search"]));
  const near = neighboursOf(known, "prod");
  const codes = (policy: object): readonly string[] =>
    judgeKind(policy, "uid", near).findings.map(
      ({ severity, code, field }) => `${severity} ${code} ${field}`,
    );
  assert.deepEqual(codes(policyObject("prod", "p")), []);
  assert.deepEqual(codes(policyObject("prod", "p", { connections: { names: ["order"] } })), [
    "warning UNKNOWN_CONNECTION spec.connections.names[0]",
  ]);
  assert.deepEqual(codes(policyObject("prod", "p", { allow: [{ name: "a", tcp: {} }] })), [
    "error PROTOCOL_MISMATCH spec.allow[0].tcp",
  ]);
  // Not knowing what there is, nothing is said of names.
  assert.deepEqual(
    judgeKind(policyObject("prod", "p", { connections: { names: ["order"] } }), "uid").findings,
    [],
  );
});
