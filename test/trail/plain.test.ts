/** What is written the quick way is byte for byte what the general way writes, or is left to it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalText } from "#core/audit/canonical.ts";
import type { AuditEvent, Decided, RequestsEvent } from "#core/audit/event.ts";
import { plainText } from "#core/audit/plain.ts";
import { sha256 } from "#core/audit/sha256.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

/** Nearly always plain, or of an event of twenty words none would be. */
const word = fc.oneof(
  { weight: 60, arbitrary: fc.string({ maxLength: 12, unit: fc.constantFrom(..."aZ09.-_ :/@{}[],'~") }) },
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom("\ud800", '"', "\\", "\u007f", "\u0000", "a".repeat(257)),
);
const words = fc.array(word, { maxLength: 4 });
const count = fc.oneof(
  { weight: 60, arbitrary: fc.nat() },
  fc.constantFrom(-0, 1.5, 2 ** 53, Number.MAX_SAFE_INTEGER),
);
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const decided = fc.record(
  {
    outcome: fc.constantFrom("allow", "deny", "ask"),
    code: word,
    by: optional(word),
    classes: words,
    accesses: words,
    doubts: words,
    observed: words,
  },
  { requiredKeys: ["outcome", "code", "classes", "accesses", "doubts", "observed"] },
);
const counts = {
  atMs: count,
  ended: fc.constantFrom("complete", "error"),
  rows: count,
  bytes: count,
  maskedValues: count,
  errorCode: word,
};
const RESULT = ["atMs", "ended", "rows", "bytes", "maskedValues"] as const;
const result = fc.record(counts, { requiredKeys: [...RESULT] });
const late = fc.record({ ...counts, request: count }, { requiredKeys: [...RESULT, "request"] });
const asked = fc.record(
  { request: count, atMs: count, as: count, textDigest: word, textBytes: count, result: optional(result) },
  { requiredKeys: ["request", "atMs", "as", "textDigest", "textBytes"] },
);
const event = fc.record(
  {
    v: fc.constant(1),
    session: word,
    seq: count,
    atMs: count,
    kind: fc.constant("requests"),
    decided: fc.array(decided, { maxLength: 2 }),
    requests: fc.array(asked, { maxLength: 3 }),
    results: fc.array(late, { maxLength: 2 }),
    unrecorded: count,
    omitted: fc.constant({ "decided[].accesses": 3 }),
  },
  { requiredKeys: ["v", "session", "seq", "atMs", "kind", "decided", "requests", "results"] },
);

test("the quick way writes what the general way writes", () => {
  let plain = 0;
  fc.assert(
    fc.property(event, (any) => {
      const text = plainText(any as AuditEvent);
      if (text === undefined) return;
      plain += 1;
      assert.equal(text, canonicalText(any));
    }),
    { numRuns: fuzzRuns(2_000), ...fuzzSeed() },
  );
  assert.ok(plain > 0, "some of them are plain");
});

test("an event as statements leave it is written the quick way, and one more member is not", () => {
  const way: Decided = {
    outcome: "allow",
    code: "ALLOWED",
    classes: ["select"],
    accesses: ["read public.orders"],
    doubts: [],
    observed: [],
  };
  const plain: RequestsEvent = {
    v: 1,
    session: "s",
    seq: 4,
    atMs: 5,
    kind: "requests",
    decided: [way],
    requests: [
      {
        request: 1,
        atMs: 3,
        as: 0,
        textDigest: "ab",
        textBytes: 8,
        result: { atMs: 4, ended: "complete", rows: 1, bytes: 2, maskedValues: 0 },
      },
    ],
    results: [],
  };
  const way0 =
    '{"accesses":["read public.orders"],"classes":["select"],"code":"ALLOWED","doubts":[],"observed":[],"outcome":"allow"}';
  const result0 = '{"atMs":4,"bytes":2,"ended":"complete","maskedValues":0,"rows":1}';
  const request0 = `{"as":0,"atMs":3,"request":1,"result":${result0},"textBytes":8,"textDigest":"ab"}`;
  assert.equal(
    plainText(plain),
    `{"atMs":5,"decided":[${way0}],"kind":"requests","requests":[${request0}],"results":[],"seq":4,"session":"s","v":1}`,
  );
  assert.equal(plainText({ ...plain, unrecorded: 1 }), undefined);
  assert.equal(plainText({ ...plain, session: '"' }), undefined);
});

test("hashing gathered parts is hashing them one after the other", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
      fc.nat(70_000),
      (parts, more) => {
        const all = [...parts, new Uint8Array(more).fill(more)];
        const hash = createHash("sha256");
        for (const part of all) hash.update(part);
        assert.deepEqual(sha256(...all), hash.digest());
      },
    ),
    { numRuns: fuzzRuns(200), ...fuzzSeed() },
  );
});
