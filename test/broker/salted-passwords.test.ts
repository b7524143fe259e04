/** What is kept of a password: found by the same password, salt and iterations only, for a while, and wiped then. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { inspect } from "node:util";
import { test } from "node:test";
import { proveWithPassword } from "#broker/sources/proving.ts";
import {
  type SaltedPasswords,
  type WantedSalted,
  saltedPasswords,
} from "#broker/sources/salted-passwords.ts";
import { SecretBytes } from "#core/values/secret.ts";
import { scramProof } from "#core/wire/postgres/scram.ts";
import { forEver } from "./support/upstream.ts";

const secret = (text: string): SecretBytes => new SecretBytes(Buffer.from(text));
const SALT = Buffer.from("saltsaltsaltsalt");
const WANTED: WantedSalted = { password: secret("canary"), salt: SALT, iterations: 4096 };

/** How often it was derived, and all that it came to. */
function counted(kept: SaltedPasswords) {
  const derived: SecretBytes[] = [];
  const ask = (more: Partial<WantedSalted> = {}): Promise<string> =>
    kept.use(
      { ...WANTED, ...more },
      async () => {
        const one = new SecretBytes(randomBytes(32));
        derived.push(one);
        return one;
      },
      (salted) => Buffer.from(salted).toString("hex"),
    );
  return { derived, ask };
}

test("it is derived once for one password, salt and number of iterations, and for no other", async () => {
  using kept = saltedPasswords();
  const { derived, ask } = counted(kept);
  const first = await ask();
  assert.equal(await ask({ password: secret("canary") }), first);
  assert.equal(derived.length, 1);
  const others = [
    { password: secret("canary2") },
    { password: secret("") },
    { salt: Buffer.from("saltsaltsaltsal") },
    // Nothing moves from one part into the next.
    { salt: Buffer.from("saltsaltsaltsaltc"), password: secret("anary") },
    { iterations: 4097 },
  ];
  for (const other of others) assert.notEqual(await ask(other), first);
  assert.equal(derived.length, 1 + others.length);
  assert.equal(await ask(), first);
});

test("it is wiped when it has not been used for a while, and derived again then", async () => {
  using kept = saltedPasswords(20);
  const { derived, ask } = counted(kept);
  const first = await ask();
  const deadlineMs = Date.now() + 10_000;
  while (derived[0]?.isWiped !== true && Date.now() < deadlineMs) await pause(5);
  assert.equal(derived[0]?.isWiped, true);
  assert.notEqual(await ask(), first);
});

test("it is wiped when the broker stops; of too many, the first ones are", async () => {
  const kept = saltedPasswords();
  const { derived, ask } = counted(kept);
  for (let iterations = 1; iterations <= 66; iterations += 1) await ask({ iterations });
  assert.deepEqual(
    derived.map(({ isWiped }) => isWiped).lastIndexOf(true),
    1,
    "an upstream that sends another salt each time would fill the memory",
  );
  kept[Symbol.dispose]();
  assert.ok(derived.every(({ isWiped }) => isWiped));
});

test("two at once that derive it both get what is right, and one of the two is kept", async () => {
  using kept = saltedPasswords();
  const { derived, ask } = counted(kept);
  await Promise.all([ask(), ask()]);
  assert.deepEqual(
    derived.map(({ isWiped }) => isWiped),
    [true, false],
  );
});

test("a derivation that fails is told, and leaves nothing", async () => {
  using kept = saltedPasswords();
  const fails = (): Promise<SecretBytes> => Promise.reject(new Error("given up"));
  await assert.rejects(
    kept.use(WANTED, fails, () => undefined),
    /given up/,
  );
  const { derived, ask } = counted(kept);
  await ask();
  assert.equal(derived.length, 1);
});

test("a proof with what is kept is the proof, for the password it is of and no other", async () => {
  using kept = saltedPasswords();
  const challenge = {
    clientFirstBare: "n=,r=abcdefgh",
    serverFirst: `r=abcdefghSERVER,s=${SALT.toString("base64")},i=4096`,
    channelBinding: Buffer.from("n,,"),
  };
  const prove = async (password: string) =>
    (
      await proveWithPassword(challenge, secret(password), {
        upstream: "test",
        signal: forEver,
        salted: kept,
      })
    )?.clientFinal;
  const right = scramProof(challenge, Buffer.from("canary"))?.clientFinal;
  assert.ok(right !== undefined);
  assert.equal(await prove("canary"), right);
  assert.equal(await prove("canary"), right);
  assert.equal(await prove("other"), scramProof(challenge, Buffer.from("other"))?.clientFinal);
  assert.notEqual(await prove("other"), right);
  assert.doesNotMatch(inspect(kept, { depth: 20, showHidden: true }), /canary/);
});
