import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { format, inspect } from "node:util";
import { takingEnvironment } from "#broker/environment.ts";
import { SecretBytes } from "#core/values/secret.ts";
import { repositoryFiles, textOf } from "#test/architecture/sources.ts";

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

test("a variable is taken out of the environment once; the kernel still shows it to its own user", () => {
  const variables = { PASSWORD: "canary-3f9a", EMPTY: "", OTHER: "kept" };
  const environment = takingEnvironment(variables);
  using first = environment.take("PASSWORD");
  using second = environment.take("PASSWORD");
  assert.deepEqual(variables, { EMPTY: "", OTHER: "kept" });
  assert.notEqual(first?.reveal(), second?.reveal());
  assert.deepEqual(second?.reveal(), new Uint8Array(Buffer.from("canary-3f9a")));
  assert.equal(environment.take("EMPTY"), undefined);
  assert.equal(environment.take("toString"), undefined);

  const look = `
    const shows = () => require("node:fs").readFileSync("/proc/self/environ").includes("canary-3f9a");
    delete process.env.PASSWORD;
    console.log(JSON.stringify([process.env.PASSWORD ?? null, shows()]));`;
  const printed = execFileSync(process.execPath, ["-e", look], {
    env: { PASSWORD: "canary-3f9a" },
    encoding: "utf8",
  });
  assert.deepEqual(JSON.parse(printed), [null, true]);
});

test("secrets are revealed where bytes must be had, and nowhere else", () => {
  const places = repositoryFiles(/^(?:core|runtime|broker|sidecar|operator|cli)\/.*\.ts$/).filter((file) =>
    textOf(file).includes(".reveal("),
  );
  assert.deepEqual(places, [
    // Copies a variable's bytes for whoever takes it.
    "broker/environment.ts",
    // Makes a header of a bearer that is no secret of an upstream.
    "broker/identity/ambient/github.ts",
    // Hands a token to the verifier.
    "broker/identity/ambient/index.ts",
    // Makes the answers that are less than a proof, where a Connection lists them.
    "broker/sources/answering.ts",
    // A bearer has to be sent as it is.
    "broker/sources/kubernetes-token.ts",
    // Derive keys and proofs.
    "broker/sources/postgres-role/key.ts",
    "broker/sources/proving.ts",
    // Finds by a MAC of the password what it came to lately, and hands that to the proof.
    "broker/sources/salted-passwords.ts",
  ]);
});
