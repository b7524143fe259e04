/** What is written the quick way is byte for byte what the general way writes, or is left to it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalText } from "#core/audit/canonical.ts";
import type { AuditEvent } from "#core/audit/event.ts";
import { plainText } from "#core/audit/plain.ts";
import { sha256 } from "#core/audit/sha256.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

const word = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom("\ud800", '"', "\\", "\u007f", "\u0000", "a".repeat(257)),
);
const words = fc.array(word, { maxLength: 4 });
const count = fc.oneof(fc.nat(), fc.constantFrom(-0, 1.5, 2 ** 53, Number.MAX_SAFE_INTEGER));
const place = { v: fc.constant(1), session: word, seq: count, atMs: count };
const PLACE = ["v", "session", "seq", "atMs", "kind", "request"] as const;
const request = fc.record(
  {
    ...place,
    kind: fc.constant("request"),
    request: count,
    outcome: fc.constantFrom("allow", "deny", "ask"),
    code: word,
    by: fc.option(word, { nil: undefined }),
    classes: words,
    accesses: words,
    doubts: words,
    observed: words,
    textDigest: word,
    textBytes: count,
    unrecorded: count,
    omitted: fc.constant({ accesses: 3 }),
  },
  {
    requiredKeys: [
      ...PLACE,
      "outcome",
      "code",
      "classes",
      "accesses",
      "doubts",
      "observed",
      "textDigest",
      "textBytes",
    ],
  },
);
const result = fc.record(
  {
    ...place,
    kind: fc.constant("result"),
    request: count,
    ended: fc.constantFrom("complete", "error"),
    rows: count,
    bytes: count,
    maskedValues: count,
    errorCode: fc.option(word, { nil: undefined }),
    unrecorded: count,
  },
  { requiredKeys: [...PLACE, "ended", "rows", "bytes", "maskedValues"] },
);

test("the quick way writes what the general way writes", () => {
  let plain = 0;
  fc.assert(
    fc.property(fc.oneof(request, result), (event) => {
      const text = plainText(event as AuditEvent);
      if (text === undefined) return;
      plain += 1;
      assert.equal(text, canonicalText(event));
    }),
    { numRuns: fuzzRuns(2_000), ...fuzzSeed() },
  );
  assert.ok(plain > 0, "some of them are plain");
});

test("an event as statements leave it is written the quick way, and one more member is not", () => {
  const event = {
    v: 1,
    session: "s",
    seq: 4,
    atMs: 5,
    kind: "result",
    request: 1,
    ended: "complete",
    rows: 1,
    bytes: 2,
    maskedValues: 0,
  } as const;
  assert.equal(
    plainText(event),
    '{"atMs":5,"bytes":2,"ended":"complete","kind":"result","maskedValues":0,"request":1,"rows":1,"seq":4,"session":"s","v":1}',
  );
  assert.equal(plainText({ ...event, unrecorded: 1 }), undefined);
  assert.equal(plainText({ ...event, session: '"' }), undefined);
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
