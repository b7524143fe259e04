/** A password that was read for a lease is at hand for the proof behind it, once, not for long, and not when the lease has ended. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { takingEnvironment } from "#broker/environment.ts";
import { forOneUse } from "#broker/sources/one-use.ts";
import { type Credential } from "#broker/sources/source.ts";
import { staticSource } from "#broker/sources/static.ts";
import type { Proof } from "#core/port/port.ts";
import { SecretBytes } from "#core/values/secret.ts";
import { type Refusal, isRefusal } from "#core/values/refusal.ts";
import { scramProof } from "#core/wire/postgres/scram.ts";
import { forEver, upstreamOf } from "./support/upstream.ts";

const secret = (): SecretBytes => new SecretBytes(Buffer.from("canary"));

test("it is taken once, and wiped by whoever took it", () => {
  const password = secret();
  const atHand = forOneUse(password, 60_000);
  const taken = atHand.take();
  assert.equal(taken, password);
  assert.equal(taken?.isWiped, false);
  assert.equal(atHand.take(), undefined);
});

test("nobody came for it: it is wiped", async () => {
  const password = secret();
  const atHand = forOneUse(password, 20);
  for (const deadlineMs = Date.now() + 10_000; !password.isWiped && Date.now() < deadlineMs; ) await pause(5);
  assert.equal(password.isWiped, true);
  assert.equal(atHand.take(), undefined);
});

const CHALLENGE = {
  kind: "scram-sha-256",
  clientFirstBare: "n=,r=abcdefgh",
  serverFirst: "r=abcdefghSERVER,s=c2FsdHNhbHRzYWx0c2FsdA==,i=4096",
  channelBinding: Buffer.from("n,,"),
} as const;

async function leased(context: TestContext): Promise<{ credential: Credential; path: string }> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-one-use-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "password");
  writeFileSync(path, "canary", { mode: 0o600 });
  const source = staticSource("file", { environment: takingEnvironment({}), note: () => undefined });
  context.after(() => source[Symbol.asyncDispose]());
  const upstream = upstreamOf(5432, { file: { path } });
  const credential = await source.lease({ upstream, subject: "s", untilMs: 0 }, forEver);
  assert.ok(!isRefusal(credential));
  return { credential, path };
}

const finalOf = (answer: Proof | Refusal): string =>
  isRefusal(answer) ? answer.code : answer.kind === "scram-sha-256" ? answer.clientFinal : answer.kind;
const RIGHT = scramProof(CHALLENGE, Buffer.from("canary"))?.clientFinal;

test("the proof behind a lease needs no second reading; the one after it does", async (context) => {
  const { credential, path } = await leased(context);
  rmSync(path);
  assert.equal(finalOf(await credential.prove(CHALLENGE, forEver)), RIGHT);
  assert.equal(finalOf(await credential.prove(CHALLENGE, forEver)), "CREDENTIAL_UNAVAILABLE");
  writeFileSync(path, "canary", { mode: 0o600 });
  assert.equal(finalOf(await credential.prove(CHALLENGE, forEver)), RIGHT);
});

test("a lease that has ended proves nothing, although its password was never used", async (context) => {
  const { credential } = await leased(context);
  credential.end("released");
  assert.equal(finalOf(await credential.prove(CHALLENGE, forEver)), "LEASE_ENDED");
});
