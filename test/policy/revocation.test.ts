/** What a revocation takes, from whom, and until when. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type Connection,
  type KubernetesPermission,
  PROTOCOLS,
  type PostgresPermission,
  type ProtocolName,
  type TcpPermission,
} from "#core/api/kinds.gen.ts";
import { loadKinds } from "#core/api/load.ts";
import type { Policy } from "#core/api/loaded.ts";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import type { Ancestor, Identity } from "#core/policy/facts.ts";
import { openingOf } from "#core/policy/protocols/table.ts";
import {
  REVOCATION_MS_MAX,
  type RevocationOrder,
  revocationGuardrail,
  revocationIn,
  withAllBelow,
} from "#core/policy/revocation.ts";
import { readDuration } from "#cli/frame/duration.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { NOW_MS, good } from "./arbitraries.ts";
import { guardrail, policy } from "./examples.ts";

const RUNS = { numRuns: fuzzRuns(120), ...fuzzSeed() };
const HOUR_MS = 3_600_000;
const DEPTH_MAX = 8;

const agentOf = (at: number): Identity => ({
  serviceAccount: { namespace: "shop", name: at % 2 === 0 ? "even" : "odd" },
  pod: { namespace: "shop", name: `pod-${at}`, uid: `uid-${at}` },
});

const order = (more: Partial<RevocationOrder> = {}): RevocationOrder => ({
  scope: "pod",
  about: "pod-0",
  mark: "3f9a2c",
  by: "ada",
  because: "incident 4711",
  whom: "pod shop/pod-0 and all below it",
  untilMs: NOW_MS + HOUR_MS,
  subjects: withAllBelow([{ pod: { uid: "uid-0" } }]),
  ...more,
});

const connections = PROTOCOLS.map(
  (protocol): Connection => ({
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "Connection",
    metadata: { namespace: "shop", name: protocol },
    spec: {
      protocol,
      address: { host: "db.example.com", port: 5432 },
      credential: { mode: "static", source: { env: { name: "PASSWORD" } } },
    },
  }),
);
const WHOLE = {
  postgres: { statements: ["any"] },
  tcp: {},
  kubernetes: { verbs: ["*"], resources: ["*"] },
} as const satisfies Record<ProtocolName, PostgresPermission | TcpPermission | KubernetesPermission>;
const everything = PROTOCOLS.map((protocol) =>
  policy(`all-${protocol}`, {
    subjects: [{ serviceAccount: { name: "even" } }, { serviceAccount: { name: "odd" } }],
    connections: { names: [protocol] },
    allow: [{ name: "all", delegate: "also", [protocol]: WHOLE[protocol] }],
  }),
);

/** Whether a session may open, or go on: of the last of a family, whose first has nobody above. */
function mayOpen(
  policies: readonly Policy[],
  family: readonly number[],
  protocol: ProtocolName,
  nowMs = NOW_MS,
): boolean {
  const [self = 0, ...above] = family.toReversed();
  const ancestors = above.map((at): Ancestor => ({ kind: "agent", identity: agentOf(at) }));
  const plan = compile({ connections, policies: policies.map((each) => good(each)) });
  const connection = { namespace: "shop", name: protocol };
  const caller = { identity: agentOf(self), ancestors };
  return decide(plan, { caller, connection, nowMs, request: openingOf(protocol) }).outcome === "allow";
}

describe("a revocation", () => {
  test("takes every protocol from whom it names and from all below, at any depth, and from nobody else", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: DEPTH_MAX }),
        fc.integer({ min: 0, max: 20 }),
        fc.constantFrom(...PROTOCOLS),
        fc.boolean(),
        (family, revoked, protocol, byAccount) => {
          const identity = agentOf(revoked);
          const { serviceAccount, pod } = identity;
          const agents = byAccount
            ? [{ serviceAccount: serviceAccount as NonNullable<typeof serviceAccount> }]
            : [{ pod: { uid: pod?.uid ?? "" } }];
          const written = revocationGuardrail(order({ subjects: withAllBelow(agents) }));
          const isMeant = family.some((at) => (byAccount ? at % 2 === revoked % 2 : at === revoked));
          assert.equal(mayOpen(everything, family, protocol), true);
          assert.equal(mayOpen([...everything, written], family, protocol), !isMeant);
          assert.equal(mayOpen([...everything, written], family, protocol, NOW_MS + HOUR_MS), true);
        },
      ),
      RUNS,
    );
  });

  test("is taken by the reader of kinds as it is written, and known again with what it says", () => {
    const written = revocationGuardrail(order());
    const { policies, diagnostics } = loadKinds([{ path: "r.json", text: JSON.stringify(written) }]);
    assert.deepEqual(diagnostics, []);
    const [source] = policies;
    assert.ok(source?.state === "good");
    assert.deepEqual(revocationIn(source.policy), {
      name: "revoked-pod-0-3f9a2c",
      by: "ada",
      because: "incident 4711",
      whom: "pod shop/pod-0 and all below it",
      untilMs: NOW_MS + HOUR_MS,
    });
    assert.equal(revocationIn(guardrail("plain", written.spec)), undefined);
    assert.equal(revocationIn({ ...policy("p", {}), metadata: written.metadata }), undefined);
  });

  test("tells agents until when, and not why", () => {
    const { spec } = revocationGuardrail(order());
    for (const { reason = "" } of spec.deny ?? []) {
      assert.match(reason, /^access is revoked until \d{4}-.*Z \(revoked-pod-0-3f9a2c\)$/);
      assert.ok(!reason.includes("4711"));
    }
  });

  test("has a name that Kubernetes takes, whatever it is about", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (about) => {
        const { name } = revocationGuardrail(order({ about })).metadata;
        assert.match(name, /^revoked-([a-z0-9]([-a-z0-9]*[a-z0-9])?-)?3f9a2c$/);
        assert.ok(name.length <= 63);
      }),
      RUNS,
    );
  });
});

test("how long is said in minutes, hours and days, from a minute to thirty days", () => {
  const read = (text: string) => readDuration(text, "--for", REVOCATION_MS_MAX);
  for (const [text, minutes] of [
    ["30m", 30],
    ["1h", 60],
    ["1h30m", 90],
    ["7d", 7 * 1_440],
    ["30d", 30 * 1_440],
  ] as const)
    assert.deepEqual(read(text), { ok: true, ms: minutes * 60_000 });
  for (const text of ["", "0m", "1", "h", "-1h", "1h ", "30m1h", "31d", "1w", "99999999d", "1.5h"])
    assert.ok(!read(text).ok, text);
});
