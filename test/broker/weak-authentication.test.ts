/** What a data plane that was taken over can ask the broker for beside SCRAM: what the Connection lists, and nothing else. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { answerWithPassword } from "#broker/sources/answering.ts";
import { drawKey } from "#broker/sources/postgres-role/key.ts";
import { NoCredential } from "#broker/sources/source.ts";
import type { Connection } from "#core/api/kinds.gen.ts";
import type { Challenge, Proof } from "#core/port/port.ts";
import { PASSWORD_BYTES_MAX } from "#core/port/values.ts";
import { SecretBytes } from "#core/values/secret.ts";
import { md5Response } from "#core/wire/postgres/md5.ts";
import {
  PASSWORD,
  allowing,
  attach,
  connectionKind,
  exchanged,
  granted,
  refusedWith,
  staticRig,
} from "./support/broker.ts";
import { forEver } from "./support/upstream.ts";

const salt = Buffer.from([1, 2, 3, 4]);
const MD5: Challenge = { kind: "md5", user: "reader", salt };
const CLEARTEXT: Challenge = { kind: "cleartext" };
type Change = {
  readonly weak?: readonly ("md5" | "cleartext")[];
  readonly tls?: Connection["spec"]["tls"];
};

/** A session with a lease, and a way to ask for proofs after the Connection was changed. */
async function asking(context: TestContext, first: Change = {}) {
  const rig = await staticRig(context);
  const change = ({ weak, tls = {} }: Change): void => {
    const postgres = { database: "orders", user: "reader", ...(weak && { weakAuthentication: weak }) };
    const spec: Connection["spec"] = { ...rig.spec, tls, postgres };
    rig.broker.update(rig.configure({ connections: [connectionKind(spec)], policies: [allowing("agent")] }));
  };
  change(first);
  const { port } = await attach(rig.broker);
  const { lease } = await exchanged(port, rig.token("agent"));
  return { rig, change, prove: (challenge: Challenge) => port.prove(lease, challenge, forEver) };
}

test("md5 and clear text are refused unless the Connection lists them, whatever the data plane says", async (context) => {
  const { rig, change, prove } = await asking(context);
  for (const [weak, challenge] of [
    [undefined, MD5],
    [undefined, CLEARTEXT],
    [["cleartext"], MD5],
    [["md5"], CLEARTEXT],
  ] as const) {
    change(weak === undefined ? {} : { weak });
    refusedWith(await prove(challenge), "UPSTREAM_UNTRUSTED");
    assert.deepEqual(rig.notes.at(-1), [
      "proof.refused",
      { connection: "shop/orders", asked: challenge.kind },
    ]);
  }
  change({ weak: ["md5", "cleartext"] });
  assert.deepEqual(await prove(MD5), {
    kind: "md5",
    response: md5Response("reader", salt, Buffer.from(PASSWORD)),
  });
  granted<Proof>(await prove(CLEARTEXT));
});

test("an md5 answer tells whoever has it whether a guess is right, by two hashes; clear text is the answer itself", async (context) => {
  const { change, prove } = await asking(context);
  change({ weak: ["md5", "cleartext"] });
  const md5 = granted<Proof>(await prove(MD5));
  const guessed = (guess: string): boolean =>
    md5.kind === "md5" && Buffer.from(md5.response).equals(md5Response("reader", salt, Buffer.from(guess)));
  assert.deepEqual(["another guess", PASSWORD].map(guessed), [false, true]);
  const cleartext = granted<Proof>(await prove(CLEARTEXT));
  assert.equal(cleartext.kind === "cleartext" && Buffer.from(cleartext.password).toString(), PASSWORD);
});

test("a leave that is taken back holds for leases that were given before", async (context) => {
  const { change, prove } = await asking(context);
  change({ weak: ["md5"] });
  granted<Proof>(await prove(MD5));
  change({});
  refusedWith(await prove(MD5), "UPSTREAM_UNTRUSTED");
});

test("clear text is refused where the Connection has no TLS, listed or not; its md5 twin is not", async (context) => {
  const { prove } = await asking(context, { weak: ["md5", "cleartext"], tls: { mode: "disable" } });
  refusedWith(await prove(CLEARTEXT), "UPSTREAM_UNTRUSTED");
  granted<Proof>(await prove(MD5));
});

test("md5 is answered for the Connection's own role only", async (context) => {
  const { change, prove } = await asking(context);
  change({ weak: ["md5"] });
  refusedWith(await prove({ ...MD5, user: "admin" }), "UPSTREAM_PROTOCOL");
});

test("a minted key answers SCRAM only", () => {
  using key = drawKey();
  for (const challenge of [MD5, CLEARTEXT]) refusedWith(key.prove(challenge), "UPSTREAM_PROTOCOL");
});

test("a password that cannot be sent as it is is refused by the name of its field", async () => {
  const owner = { field: "spec.credential.source.env", user: "reader", upstream: "test", signal: forEver };
  for (const [bytes, isSent] of [
    [Buffer.alloc(PASSWORD_BYTES_MAX, "x"), true],
    [Buffer.alloc(PASSWORD_BYTES_MAX + 1, "x"), false],
    [Buffer.from("a\0b"), false],
  ] as const) {
    using password = new SecretBytes(bytes);
    const answer = answerWithPassword(CLEARTEXT, password, owner);
    if (isSent) assert.deepEqual(await answer, { kind: "cleartext", password: Uint8Array.from(bytes) });
    else await assert.rejects(answer, NoCredential);
  }
});

test("the answer is a copy: the password that was read is wiped, what was handed out is the receiver's", async (context) => {
  const { rig, change, prove } = await asking(context);
  change({ weak: ["cleartext"] });
  const sent = async (): Promise<string> => {
    const proof = granted<Proof>(await prove(CLEARTEXT));
    assert.ok(proof.kind === "cleartext");
    return Buffer.from(proof.password).toString();
  };
  // The first is what the lease was made with.
  assert.equal(await sent(), PASSWORD);
  assert.equal(await sent(), PASSWORD);
  writeFileSync(join(rig.folder, "password"), "canary-renewed", { mode: 0o600 });
  assert.equal(await sent(), "canary-renewed");
  assert.doesNotMatch(JSON.stringify(rig.notes), /canary/);
});
