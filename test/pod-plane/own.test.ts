/** What the agent is told of itself, where a pod is not needed to see it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SessionGrant } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { openNameService } from "#sidecar/pod/names/service.ts";
import { type Facts, pageFor } from "#sidecar/pod/own/page.ts";
import { textOf } from "#sidecar/pod/own/text.ts";
import { openWhoAmI } from "#sidecar/pod/own/who.ts";
import { openRefusals } from "#sidecar/pod/refusals.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { query } from "./support/query.ts";

const UNKNOWN = refusal("DESTINATION_UNKNOWN");

test("refusals are kept by what they are about, newest first, and no more than there is room for", () => {
  let now = 0;
  const refusals = openRefusals(() => now);
  const id = refusals.note(UNKNOWN, "a:1");
  now = 5;
  refusals.note(UNKNOWN, "b:1");
  now = 9;
  assert.equal(refusals.note(UNKNOWN, "a:1"), id);
  assert.deepEqual(
    refusals.recent().map(({ about, count, atMs }) => [about, count, atMs]),
    [
      ["a:1", 2, 9],
      ["b:1", 1, 5],
    ],
  );
  for (let port = 0; port < 100; port += 1) refusals.note(UNKNOWN, `c:${port}`);
  assert.equal(refusals.recent().length, 64);
  assert.equal(refusals.find(id), undefined);
  assert.equal(refusals.recent()[0]?.about, "c:99");
});

const facts = (more: Partial<Facts> = {}): Facts => ({
  pod: "shop/agent-1",
  caller: refusal("POD_UNTRUSTED"),
  plan: undefined,
  withoutPlan: refusal("BROKER_UNAVAILABLE"),
  refusals: openRefusals(() => 0),
  nowMs: 0,
  ...more,
});

test("without a plan, and with a broker that says no, the page says just that", () => {
  const { content } = pageFor("/", facts()) as { content: Record<string, Record<string, string>> };
  assert.equal(content["connections"]?.["unknown"], "BROKER_UNAVAILABLE");
  const refused = pageFor("/", facts({ withoutPlan: refusal("POD_UNTRUSTED", "another image") }));
  assert.match(
    textOf(refused.content),
    /^connections:\n {2}unknown: POD_UNTRUSTED\n {2}why: another image$/m,
  );
  assert.equal(content["identity"]?.["unknown"], "POD_UNTRUSTED");
});

test("any other path has nothing", () => {
  const path = fc.oneof(
    fc.string().map((text) => `/codes/${text}`),
    fc.string(),
    fc.constantFrom("/codes/__proto__", "/refusals/", "/codes/toString", "//"),
  );
  fc.assert(
    fc.property(path, (asked) => {
      fc.pre(asked !== "/");
      assert.equal(pageFor(asked, facts()).status, 404);
    }),
    { numRuns: fuzzRuns(300), ...fuzzSeed() },
  );
});

test("text has each value on a line of its own, whatever it is", () => {
  assert.equal(
    textOf({ pod: "a", list: ["x", "y"], none: [], deep: [{ name: "n", more: { at: 1 } }, { name: "m" }] }),
    "pod: a\nlist: x, y\nnone: none\ndeep:\n  - name: n\n    more:\n      at: 1\n  - name: m\n",
  );
  fc.assert(
    fc.property(fc.jsonValue(), (value) => assert.ok(textOf(value).endsWith("\n"))),
    { numRuns: fuzzRuns(200), ...fuzzSeed() },
  );
});

test("the broker is asked who it is once in a while, and again after a refusal", async () => {
  let now = 0;
  let asked = 0;
  let answer: SessionGrant | Refusal = refusal("BROKER_UNREACHABLE");
  const caller = { identity: { serviceAccount: { namespace: "shop", name: "agent" } }, ancestors: [] };
  const who = openWhoAmI(
    {
      state: "connected",
      refused: undefined,
      identify: () => {
        asked += 1;
        return Promise.resolve(answer);
      },
    },
    () => now,
  );
  const signal = AbortSignal.timeout(30_000);
  assert.deepEqual(await who(signal), answer);
  answer = { caller, digestKey: Buffer.from("key"), expiresMs: 0 };
  assert.equal(await who(signal), caller);
  assert.equal(await who(signal), caller);
  assert.equal(asked, 2);
  assert.deepEqual([...answer.digestKey], [0, 0, 0]);
  now = 30_000;
  await who(signal);
  assert.equal(asked, 3);
});

test("while the broker is away nobody is asked, and the page need not wait", async () => {
  const identify = (): never => assert.fail("asked");
  for (const refused of [undefined, refusal("POD_UNTRUSTED")]) {
    const who = openWhoAmI({ state: "away", refused, identify }, () => 0);
    assert.deepEqual(await who(AbortSignal.timeout(30_000)), refused ?? refusal("BROKER_UNREACHABLE"));
  }
});

test("a flood of questions is met with silence, and the next second is as good as any", async () => {
  let now = 0;
  const service = openNameService({
    names: () => Promise.resolve(new Set(["orders.shop"])),
    canonical: (name) => `${name}.shop`,
    addressesOf: () => ({ ipv4: Buffer.alloc(4), ipv6: Buffer.alloc(16) }),
    hasIpv6: true,
    own: "sallyport.internal",
    whyNoPlan: () => "",
    nowMs: () => now,
  });
  const flood = Array.from({ length: 1_500 }, () => service.answer(query("orders")));
  const outcomes = (await Promise.all(flood)).map(({ outcome }) => outcome);
  // Of those at once no more wait than there is room for; the rest of the second's share is still there.
  assert.equal(outcomes.filter((outcome) => outcome === "answered").length, 256);
  assert.ok(outcomes.includes("rate"));
  now = 1_000;
  assert.equal((await service.answer(query("orders"))).outcome, "answered");
});
