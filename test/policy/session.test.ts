/** The remembered decision is the decision. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import { openSession } from "#core/policy/session.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { CONNECTIONS, NOW_MS, good, scenarios } from "./arbitraries.ts";
import { allow, factsOf, policy, read } from "./examples.ts";
import { requests } from "./request-arbitraries.ts";

const HOUR_MS = 3_600_000;

test("cached equals uncached, whatever is asked and however the clock moves", () => {
  const steps = fc.array(
    fc.tuple(
      fc.nat({ max: 2 }),
      fc.constantFrom(-2 * HOUR_MS, -1, 0, 1, 999, 1_000, 1_001, HOUR_MS, 365 * 24 * HOUR_MS),
    ),
    { minLength: 2, maxLength: 12 },
  );
  fc.assert(
    fc.property(
      scenarios,
      fc.array(requests, { minLength: 3, maxLength: 3 }),
      steps,
      ({ sources, facts }, asked, times) => {
        const plan = compile(sources);
        const session = openSession(plan, facts.caller, facts.connection);
        for (const [at, afterMs] of times) {
          const request = asked[at] ?? facts.request;
          const nowMs = NOW_MS + afterMs;
          assert.deepEqual(session.decide(request, nowMs), decide(plan, { ...facts, request, nowMs }));
        }
      },
    ),
    { numRuns: fuzzRuns(150), ...fuzzSeed() },
  );
});

test("the same request is answered from memory, and anew once the decision has ended", () => {
  const ending = policy("ending", {
    expires: "2027-01-01T01:00:00Z",
    allow: [allow("all", { preset: "readOnly" })],
  });
  const plan = compile({ connections: CONNECTIONS, policies: [good(ending)] });
  const { caller, connection, request } = factsOf({ request: read("public.t") });
  const session = openSession(plan, caller, connection);
  const first = session.decide(request, NOW_MS);
  assert.equal(first.outcome, "allow");
  assert.equal(session.decide(request, NOW_MS + HOUR_MS - 1), first);
  assert.equal(session.decide(request, NOW_MS + HOUR_MS).code, "DENY_NO_POLICY");
});

test("equal requests that are not the same object are decided each for itself", () => {
  const open = policy("open", { allow: [allow("all", { preset: "readOnly" })] });
  const plan = compile({ connections: CONNECTIONS, policies: [good(open)] });
  const { caller, connection } = factsOf({});
  const session = openSession(plan, caller, connection);
  const first = session.decide(read("public.t"), NOW_MS);
  const second = session.decide(read("public.t"), NOW_MS);
  assert.notEqual(first, second);
  assert.deepEqual(first, second);
});

test("memory is bounded, and forgetting changes no answer", () => {
  const open = policy("open", { allow: [allow("all", { preset: "readOnly", tables: ["public.t"] })] });
  const plan = compile({ connections: CONNECTIONS, policies: [good(open)] });
  const { caller, connection } = factsOf({});
  const session = openSession(plan, caller, connection);
  const kept = read("public.t");
  const first = session.decide(kept, NOW_MS);
  for (let at = 0; at < 5_000; at += 1)
    assert.equal(session.decide(read("public.u"), NOW_MS).outcome, "deny");
  const again = session.decide(kept, NOW_MS);
  assert.notEqual(again, first);
  assert.deepEqual(again, first);
});
