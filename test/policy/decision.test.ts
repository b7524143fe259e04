/** What a decision carries beside its outcome, and what is settled before any rule is asked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Limits } from "#core/policy/decision.ts";
import type { Facts } from "#core/policy/facts.ts";
import { compile } from "#core/policy/compile.ts";
import { decide, refuseUnsupported } from "#core/policy/decide.ts";
import { type Supported, unsupportedObligation } from "#core/policy/obligations.ts";
import { CONNECTIONS, NOW_MS, good } from "./arbitraries.ts";
import { agent, allow, answer, decideBy, deny, factsOf, guardrail, policy, read } from "./examples.ts";

const open = policy("open", { allow: [allow("all", { statements: ["any"] }, { delegate: "also" })] });
const asked = factsOf({ request: read("public.t") });

test("an unknown connection is refused, and one that stands twice is as good as unknown", () => {
  assert.equal(
    answer([open], { ...asked, connection: { namespace: "shop", name: "nowhere" } }),
    "DENY_UNKNOWN_CONNECTION",
  );
  const [orders] = CONNECTIONS;
  assert.ok(orders);
  const plan = (connections: typeof CONNECTIONS) => compile({ connections, policies: [good(open)] });
  assert.equal(decide(plan([orders]), asked).code, "ALLOWED");
  assert.equal(decide(plan([orders, orders]), asked).code, "DENY_UNKNOWN_CONNECTION");
});

test("obligations are a union of all that select, with the strongest action and the smallest limit", () => {
  const mask = (action: "redact" | "nullify", ...columns: string[]) => ({ action, postgres: { columns } });
  const first = policy("first", {
    mask: [mask("redact", "public.t.a", "public.t.b")],
    limits: { rows: 10, bytes: 5 },
  });
  const second = policy("second", {
    mask: [mask("nullify", "public.t.a")],
    limits: { rows: 3 },
    whenParentEnds: "end",
  });
  const rail = guardrail("rail", { mask: [mask("redact", "*.*.ssn")], limits: { bytes: 9, statements: 7 } });
  const { obligations } = decideBy([open, first, second, rail], asked);
  assert.deepEqual(obligations, {
    mask: [
      { schema: "*", table: "*", column: "ssn", action: "redact" },
      { schema: "public", table: "t", column: "a", action: "nullify" },
      { schema: "public", table: "t", column: "b", action: "redact" },
    ],
    limits: { rows: 3, bytes: 5, statements: 7 },
    whenParentEnds: "end",
  });
});

test("obligations of an agent above hold for its children", () => {
  const planner = policy("planner", {
    subjects: [{ serviceAccount: { name: "planner" } }],
    allow: [allow("share", { statements: ["any"] }, { delegate: "only" })],
    limits: { rows: 1 },
  });
  const child = factsOf({ above: [agent("planner")], request: read("public.t") });
  assert.deepEqual(decideBy([open, planner], child).obligations.limits, { rows: 1 });
  assert.deepEqual(decideBy([open, planner], asked).obligations.limits, {});
});

test("observe mode alone lets pass and says what it would do; beside an enforcing policy it only speaks", () => {
  const trial = policy("trial", {
    mode: "observe",
    allow: [allow("some", { preset: "readOnly", tables: ["public.u"] })],
    limits: { rows: 1 },
  });
  const alone = decideBy([trial], asked);
  assert.deepEqual([alone.outcome, alone.code, alone.obligations.limits], ["allow", "OBSERVED", {}]);
  assert.deepEqual(alone.observations, [{ outcome: "deny", policy: "SecretAccessPolicy shop/trial" }]);
  const narrow = policy("narrow", { allow: [allow("x", { preset: "readOnly", tables: ["public.x"] })] });
  assert.equal(answer([trial, narrow], asked), "DENY_NO_RULE");
});

test("an observing deny rule is reported beside the decision that stands", () => {
  const trial = policy("trial", { mode: "observe", deny: [deny("no", { tables: ["public.t"] })] });
  const { code, observations } = decideBy([open, trial], asked);
  assert.equal(code, "ALLOWED");
  assert.deepEqual(
    observations.map(({ outcome, rule }) => [outcome, rule?.rule]),
    [["deny", "no"]],
  );
});

test("a guardrail on trial lets nothing pass", () => {
  assert.equal(answer([guardrail("rail", { mode: "observe" })], asked), "DENY_NO_POLICY");
  assert.equal(answer([policy("trial", { mode: "observe" })], asked), "OBSERVED");
});

test("a policy ends at its expiry, and a decision says until when it holds", () => {
  const ending = policy("ending", { expires: "2027-01-01T01:00:00+01:00", limits: { rows: 1 } });
  const later = policy("later", { expires: "2027-02-01T00:00:00Z", mode: "observe" });
  const before = decideBy([open, ending, later], { ...asked, nowMs: NOW_MS - 1 });
  assert.deepEqual([before.obligations.limits, before.validUntilMs], [{ rows: 1 }, NOW_MS]);
  const after = decideBy([open, ending, later], asked);
  assert.deepEqual([after.obligations.limits, after.validUntilMs], [{}, Date.UTC(2027, 1, 1)]);
  assert.equal(decideBy([open], asked).validUntilMs, Number.POSITIVE_INFINITY);
});

test("a rule's own reason is what the agent is told; without one it is the code's text and what is missing", () => {
  const reasoned = policy("p", { deny: [deny("no", { tables: ["public.t"] }, "use public.t_masked")] });
  assert.equal(decideBy([open, reasoned], asked).publicText, "use public.t_masked");
  const narrow = policy("p", { allow: [allow("x", { preset: "readOnly", tables: ["public.x"] })] });
  assert.equal(decideBy([narrow], asked).publicText, "no rule allows this: read on public.t");
});

test("names from a statement cannot break a line or colour a terminal in a refusal", () => {
  const narrow = policy("p", { allow: [allow("x", { preset: "readOnly", tables: ["public.x"] })] });
  const { publicText } = decideBy([narrow], { ...asked, request: read("public.a\n\u001b[31mb\u2028\u202e") });
  assert.equal(publicText, 'no rule allows this: read on public."a\ufffd\ufffd[31mb\ufffd\ufffd"');
});

test("the hash pins a policy's text, however its fields are ordered", () => {
  const hash = (spec: Parameters<typeof policy>[1]): string | undefined =>
    decideBy([policy("p", spec)], asked).by?.hash;
  const rule = allow("all", { preset: "readOnly" });
  assert.match(hash({ allow: [rule] }) ?? "", /^sha256:[0-9a-f]{64}$/);
  assert.equal(
    hash({ allow: [rule], mode: "enforce" }),
    hash({ mode: "enforce", allow: [{ postgres: { preset: "readOnly" }, name: "all" }] }),
  );
  assert.notEqual(hash({ allow: [rule] }), hash({ allow: [{ ...rule, reason: "because" }] }));
});

const CAN: Supported = { maskActions: ["redact"], limits: ["rows"], whenParentEnds: ["finish"] };
const NONE = { mask: [], limits: {}, whenParentEnds: "finish" } as const;
const MASK = { schema: "public", table: "t", column: "a" } as const;

test("a data plane refuses what it cannot carry out, also what it has never heard of", () => {
  assert.equal(
    unsupportedObligation({ ...NONE, limits: { rows: 1 }, mask: [{ ...MASK, action: "redact" }] }, CAN),
    undefined,
  );
  assert.equal(
    unsupportedObligation({ ...NONE, mask: [{ ...MASK, action: "nullify" }] }, CAN),
    "mask.nullify",
  );
  assert.equal(unsupportedObligation({ ...NONE, limits: { rows: 1, bytes: 1 } }, CAN), "limits.bytes");
  assert.equal(unsupportedObligation({ ...NONE, limits: { joules: 1 } as Limits }, CAN), "limits.joules");
  assert.equal(unsupportedObligation({ ...NONE, whenParentEnds: "end" }, CAN), "whenParentEnds.end");
  assert.equal(unsupportedObligation({ ...NONE, record: "full" } as never, CAN), "record");
});

test("an allowed request with such an obligation becomes a refusal; a refusal stays what it was", () => {
  const limited = policy("limited", { limits: { bytes: 1 } });
  assert.equal(refuseUnsupported(decideBy([open, limited], asked), CAN).code, "OBLIGATION_UNSUPPORTED");
  assert.equal(refuseUnsupported(decideBy([open], asked), CAN).code, "ALLOWED");
  assert.equal(refuseUnsupported(decideBy([limited], asked), CAN).code, "DENY_NO_RULE");
});

test("a request of another protocol than the connection's is refused", () => {
  const request = { ...asked.request, protocol: "mysql" } as unknown as Facts["request"];
  assert.equal(answer([open], { ...asked, request }), "DENY_FACTS_INVALID");
  const [orders] = CONNECTIONS;
  assert.ok(orders);
  const other = { ...orders, spec: { ...orders.spec, protocol: "mysql" as never } };
  const { code } = decide(compile({ connections: [other], policies: [good(open)] }), asked);
  assert.equal(code, "DENY_PROTOCOL");
});
