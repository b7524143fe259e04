import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readClaims } from "#broker/identity/claims.ts";
import { printable, readObject } from "#broker/identity/json.ts";
import { readToken } from "#broker/identity/token.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

const runs = { numRuns: fuzzRuns(500), ...fuzzSeed() };

test("an object is read as JSON.parse reads it, or not at all", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (text) => {
      const read = readObject(Buffer.from(text));
      const parsed: unknown = JSON.parse(text);
      if (typeof read !== "string") assert.deepEqual(read, parsed);
      else if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) {
        assert.match(read, /__proto__/, text);
      }
    }),
    runs,
  );
});

test("a member that occurs twice is found wherever it is, however it is written", () => {
  const spelled = (name: string): fc.Arbitrary<string> =>
    fc.constantFrom(
      JSON.stringify(name),
      `"${[...name].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")}"`,
    );
  const name = fc.constantFrom("a", "b", 'q"uote', "back\\slash", "{", "sub", "é");
  const around = fc.constantFrom(
    (inner: string) => inner,
    (inner: string) => `{"x":[1,${inner},{"y":{}}]}`,
  );
  fc.assert(
    fc.property(
      name.chain((picked) => fc.tuple(spelled(picked), spelled(picked), fc.json({ maxDepth: 2 }), around)),
      ([first, second, value, wrap]) => {
        const once = wrap(`{${first}:1,"other":2}`);
        const twice = wrap(`{${first}:1,"other":2,${second}:${value}}`);
        assert.notEqual(typeof readObject(Buffer.from(once)), "string");
        assert.match(JSON.stringify(readObject(Buffer.from(twice))), / twice"$/);
      },
    ),
    runs,
  );
});

test("no bytes make the reader throw, and no words of a stranger reach a message as they are", () => {
  const part = fc.oneof(
    fc.json().map((text) => Buffer.from(text).toString("base64url")),
    fc.string(),
    fc.constantFrom("", "=", "e30", "bnVsbA", "W10"),
  );
  const token = fc.oneof(
    fc.array(part, { maxLength: 6 }).map((parts) => Buffer.from(parts.join("."))),
    fc.uint8Array({ maxLength: 200 }),
  );
  fc.assert(
    fc.property(token, (bytes) => {
      const read = readToken(bytes);
      if (isRefusal(read)) assert.match(read.publicText, /^[ -~…]*$/);
    }),
    runs,
  );
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => assert.match(printable(text), /^"[ -~]*…?"$/)),
    runs,
  );
});

test("claims are flat, bounded and own, whatever a payload holds", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (payload) => {
      const read = readClaims(payload);
      if (isRefusal(read)) return;
      for (const [name, value] of Object.entries(read.claims)) {
        assert.ok(Object.hasOwn(payload, name));
        const texts = Array.isArray(value) ? value : [value];
        for (const text of texts) assert.ok(["string", "number", "boolean"].includes(typeof text));
      }
      assert.equal(Object.getPrototypeOf(read.claims), Object.prototype);
    }),
    runs,
  );
});
