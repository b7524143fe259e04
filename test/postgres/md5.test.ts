import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { MD5_RESPONSE_BYTES, md5Response } from "#core/wire/postgres/md5.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

const md5 = (...parts: Uint8Array[]): string => createHash("md5").update(Buffer.concat(parts)).digest("hex");

test("the response is the documented one for every user, salt and password", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", maxLength: 63 }),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ maxLength: 200 }),
      (user, salt, password) => {
        const before = Buffer.from(password);
        const response = md5Response(user, salt, password);
        const stored = md5(password, Buffer.from(user));
        assert.equal(response.toString("latin1"), `md5${md5(Buffer.from(stored), salt)}`);
        assert.equal(response.length, MD5_RESPONSE_BYTES);
        assert.deepEqual(before, Buffer.from(password), "the password is the caller's");
      },
    ),
    { numRuns: fuzzRuns(300), ...fuzzSeed() },
  );
});

test("one that was worked out elsewhere", () => {
  // printf pencilada | md5sum, then that text and the bytes 01 02 03 04 once more.
  const response = md5Response("ada", Buffer.from([1, 2, 3, 4]), Buffer.from("pencil"));
  assert.equal(response.toString("latin1"), "md5d1b13b8314d3b5545feef5ce8ab91e15");
});
