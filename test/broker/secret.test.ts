import assert from "node:assert/strict";
import { test } from "node:test";
import { format, inspect } from "node:util";
import { SecretBytes } from "#core/values/secret.ts";

test("a secret prints as [secret] in every way there is", () => {
  const secret = new SecretBytes(Buffer.from("canary-3f9a"));
  const holder = { secret, list: [secret], map: new Map([["k", secret]]) };
  const prints = [
    `${secret as unknown as number}`,
    String(secret),
    1 + (secret as unknown as string),
    JSON.stringify(holder),
    inspect(holder, { depth: 10, showHidden: true }),
    format("%s %o %O %j", secret, secret, secret, secret),
    new Error("failed", { cause: secret }).stack ?? "",
    inspect(new Error("failed", { cause: secret })),
    Object.entries(secret).join(),
    JSON.stringify(structuredClone(Object.fromEntries(Object.entries(secret)))),
    [secret].join(),
  ];
  for (const print of prints) {
    assert.doesNotMatch(print, /canary|63 ?,? ?61 ?,? ?6e|99, ?97, ?110/i);
  }
  assert.match(prints[0] ?? "", /^\[secret\]$/);
  assert.equal(Buffer.from(secret.reveal()).toString(), "canary-3f9a");
});

test("a wiped secret is gone from the memory it was in, and cannot be used by mistake", () => {
  const bytes = Buffer.from("canary-3f9a");
  {
    using secret = new SecretBytes(bytes);
    assert.equal(secret.reveal(), bytes);
    assert.equal(secret.isWiped, false);
  }
  assert.deepEqual(bytes, Buffer.alloc(bytes.length));
  const wiped = new SecretBytes(Buffer.from("x"));
  wiped.wipe();
  assert.throws(() => wiped.reveal(), /after it was wiped/);
  wiped.wipe();
});
