/** Where nothing of a request matters, nothing of it may change the decision; where something matters, it is asked for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Policy } from "#core/api/loaded.ts";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import { openSession } from "#core/policy/session.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { callers, CONNECTIONS, good, NOW_MS, policies } from "./arbitraries.ts";
import { agent, allow, deny, factsOf, guardrail, policy } from "./examples.ts";
import { request, requests } from "./request-arbitraries.ts";

const ANY = { statements: ["any"] } as const;
const open = policy("open", { allow: [allow("all", { ...ANY })] });
const NOTHING = request([]);

function passesAll(
  list: readonly Policy[],
  parts: Parameters<typeof factsOf>[0] = {},
  nowMs = NOW_MS,
): boolean {
  const plan = compile({ connections: CONNECTIONS, policies: list.map(good) });
  const { caller, connection } = factsOf(parts);
  return openSession(plan, caller, connection).passesAll(NOTHING, nowMs);
}

test("a policy that forwards everything asks nothing of a request", () => {
  assert.equal(passesAll([open]), true);
  assert.equal(passesAll([open, policy("limits", { limits: { rows: 5 } })]), true);
  const handing = policy("open", { allow: [allow("all", { ...ANY }, { delegate: "also" })] });
  const planner = policy("planner", {
    subjects: [{ serviceAccount: { name: "planner" } }],
    allow: [allow("all", { ...ANY }, { delegate: "also" })],
  });
  assert.equal(passesAll([handing, planner], { above: [agent("planner")] }), true);
});

test("whatever could change the outcome, the rule that is named or what is shown asks for it", () => {
  const others: Record<string, readonly Policy[]> = {
    "no policy": [],
    "every verb, listed": [policy("p", { allow: [allow("all", { statements: ["read", "insert", "ddl"] })] })],
    "only some tables": [policy("p", { allow: [allow("all", { ...ANY, tables: ["public.*"] })] })],
    "only filtered statements": [policy("p", { allow: [allow("all", { ...ANY, unfiltered: false })] })],
    "a rule that is asked before it": [
      policy("a", { allow: [allow("reads", { preset: "readOnly" })] }),
      open,
    ],
    "a deny rule": [open, policy("p", { deny: [deny("no", { statements: ["ddl"] })] })],
    "a deny rule of the cluster": [
      open,
      guardrail("rail", {
        subjects: [{ serviceAccount: { name: "bot" } }],
        deny: [deny("no", { tables: ["*.secrets"] })],
      }),
    ],
    "an ask rule": [open, policy("p", { ask: [allow("ask", { statements: ["ddl"] })] })],
    "a mask": [open, policy("p", { mask: [{ action: "redact", postgres: { columns: ["public.t.a"] } }] })],
    "a mask of the cluster": [
      open,
      guardrail("rail", { mask: [{ action: "redact", postgres: { columns: ["*.*.ssn"] } }] }),
    ],
    "a policy on trial": [
      open,
      policy("p", { mode: "observe", deny: [deny("no", { statements: ["ddl"] })] }),
    ],
  };
  for (const [what, list] of Object.entries(others)) assert.equal(passesAll(list), false, what);
  const narrow = policy("planner", {
    subjects: [{ serviceAccount: { name: "planner" } }],
    allow: [allow("some", { preset: "readOnly" }, { delegate: "also" })],
  });
  assert.equal(passesAll([open, narrow], { above: [agent("planner")] }), false);
});

test("it is asked anew when a policy ends", () => {
  const ending = policy("ending", { expires: "2027-01-01T01:00:00Z", allow: [allow("all", { ...ANY })] });
  const plan = compile({ connections: CONNECTIONS, policies: [good(ending)] });
  const { caller, connection } = factsOf({});
  const session = openSession(plan, caller, connection);
  assert.equal(session.passesAll(NOTHING, NOW_MS), true);
  assert.equal(session.passesAll(NOTHING, NOW_MS + 3_600_000), false);
  assert.equal(session.passesAll(NOTHING, Number.NaN), false);
});

test("two requests of a session that passes all are never decided differently", () => {
  let passing = 0;
  const pairs = fc.tuple(requests, requests);
  fc.assert(
    fc.property(fc.array(policies("p"), { maxLength: 2 }), callers, pairs, (some, caller, [one, other]) => {
      const sources = [
        open,
        ...some.map((each, at) => ({ ...each, metadata: { ...each.metadata, name: `p${at}` } })),
      ];
      const plan = compile({ connections: CONNECTIONS, policies: (sources as Policy[]).map(good) });
      const facts = { ...factsOf({ request: one }), caller };
      if (!openSession(plan, caller, facts.connection).passesAll(NOTHING, NOW_MS)) return;
      passing += 1;
      const first = decide(plan, facts);
      assert.equal(first.outcome, "allow");
      assert.deepEqual(decide(plan, { ...facts, request: other }), first);
    }),
    { numRuns: fuzzRuns(400), ...fuzzSeed() },
  );
  assert.ok(passing > 5, `only ${passing} were of use`);
});
