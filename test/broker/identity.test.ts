import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JWK } from "jose";
import { type Issuer, signingKey, startIssuer } from "#tools/oidc/issuer.ts";
import { AUDIENCE, accepted, claimsOf, clock, providerOf, refused, verifierFor } from "./support/identity.ts";
import { signed, signedWithPublicKey, unsigned } from "./support/tokens.ts";

const key = await signingKey("RS256", "first");
const time = clock();

async function issuerFor(context: TestContext): Promise<Issuer> {
  const issuer = await startIssuer({
    keys: [key],
    claims: { repository: "acme/reports", teams: ["data", "ops"] },
  });
  context.after(() => issuer.stop());
  return issuer;
}

const header = { alg: "RS256", typ: "JWT", kid: "first" };

test("a token that the provider issued is believed", async (context) => {
  const issuer = await issuerFor(context);
  const token = await issuer.issue("agent", AUDIENCE);
  const { identity, expiresMs } = accepted(
    await verifierFor([providerOf(issuer)]).verify(Buffer.from(token)),
  );
  assert.equal(identity.oidc?.provider, "test");
  assert.equal(identity.oidc?.claims["sub"], "agent");
  assert.equal(identity.oidc?.claims["repository"], "acme/reports");
  assert.deepEqual(identity.oidc?.claims["teams"], ["data", "ops"]);
  assert.ok(expiresMs > Date.now() && expiresMs <= Date.now() + 301_000);
});

/** Each differs from the token that is accepted below in one thing. */
const CLAIM_ATTACKS: Readonly<
  Record<string, { claims: (issuer: Issuer) => Record<string, unknown>; code: string; text: RegExp }>
> = {
  expired: {
    claims: () => ({ iat: 1_700_000_000, exp: 1_700_000_300 }),
    code: "IDENTITY_EXPIRED",
    text: /expired at 2023-11-14T22:18:20/,
  },
  "not valid yet": {
    claims: () => ({ nbf: Math.floor(time.ms / 1000) + 120 }),
    code: "IDENTITY_INVALID",
    text: /not valid before 20/,
  },
  "issued in the future": {
    claims: () => ({ iat: Math.floor(time.ms / 1000) + 120 }),
    code: "IDENTITY_INVALID",
    text: /issued in the future/,
  },
  "without expiry": { claims: () => ({ exp: undefined }), code: "IDENTITY_INVALID", text: /"exp"/ },
  "without issue time": { claims: () => ({ iat: undefined }), code: "IDENTITY_INVALID", text: /"iat"/ },
  "without subject": { claims: () => ({ sub: undefined }), code: "IDENTITY_INVALID", text: /"sub"/ },
  "with an empty subject": { claims: () => ({ sub: "" }), code: "IDENTITY_INVALID", text: /sub/ },
  "with a textual expiry": { claims: () => ({ exp: "never" }), code: "IDENTITY_INVALID", text: /"exp"/ },
  "valid for a year": {
    claims: () => ({ exp: Math.floor(time.ms / 1000) + 31_536_000 }),
    code: "IDENTITY_INVALID",
    text: /more than 24 hours/,
  },
  "for another audience": {
    claims: () => ({ aud: "https://elsewhere.example" }),
    code: "IDENTITY_INVALID",
    text: /not meant for this gateway/,
  },
  "without audience": { claims: () => ({ aud: undefined }), code: "IDENTITY_INVALID", text: /not meant for/ },
  "of an unknown issuer": {
    claims: () => ({ iss: "https://elsewhere.example" }),
    code: "IDENTITY_INVALID",
    text: /issuer "https:\/\/elsewhere.example" is not known/,
  },
  "of an issuer that differs by a slash": {
    claims: (issuer) => ({ iss: `${issuer.issuer}/` }),
    code: "IDENTITY_INVALID",
    text: /is not known/,
  },
  "of an issuer with a line break for the log": {
    claims: () => ({ iss: 'https://x.example\n{"level":"info"}' }),
    code: "IDENTITY_INVALID",
    text: /^[ -~]*$/,
  },
  "with a claim that is too large": {
    claims: () => ({ note: "x".repeat(5000) }),
    code: "IDENTITY_INVALID",
    text: /"note" of the token is too large/,
  },
  "with too many claims": {
    claims: () => Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`c${index}`, 1])),
    code: "IDENTITY_INVALID",
    text: /more than 128 claims/,
  },
};

test("a token is refused in precise words for what is wrong with its claims", async (context) => {
  const issuer = await issuerFor(context);
  const verifier = verifierFor([providerOf(issuer)], time);
  accepted(await verifier.verify(signed(header, claimsOf(issuer, time), key)));
  for (const [what, { claims, code, text }] of Object.entries(CLAIM_ATTACKS)) {
    const token = signed(header, claimsOf(issuer, time, claims(issuer)), key);
    const refusal = refused(await verifier.verify(token), token);
    assert.equal(refusal.code, code, what);
    assert.match(refusal.publicText, text, what);
  }
});

test("the issuer's clock may be off by as much as its provider says, and no more", async (context) => {
  const issuer = await issuerFor(context);
  const verifier = verifierFor([providerOf(issuer, { clockSkewSeconds: 60 })], time);
  const now = Math.floor(time.ms / 1000);
  accepted(
    await verifier.verify(signed(header, claimsOf(issuer, time, { iat: now - 300, exp: now - 50 }), key)),
  );
  const late = signed(header, claimsOf(issuer, time, { iat: now - 300, exp: now - 70 }), key);
  assert.equal(refused(await verifier.verify(late), late).code, "IDENTITY_EXPIRED");
  accepted(await verifier.verify(signed(header, claimsOf(issuer, time, { iat: now + 50 }), key)));
  const early = signed(header, claimsOf(issuer, time, { iat: now + 70 }), key);
  refused(await verifier.verify(early), early);
});

test("only the issuer's own key signs for it", async (context) => {
  const issuer = await issuerFor(context);
  const verifier = verifierFor([providerOf(issuer)], time);
  const foreign = await signingKey("RS256", "first");
  const elliptic = await signingKey("ES256", "first");
  const payload = claimsOf(issuer, time);
  const genuine = signed(header, payload, key).toString();
  const [head = "", , signature = ""] = genuine.split(".");
  const other = Buffer.from(JSON.stringify({ ...payload, sub: "admin" })).toString("base64url");
  const publicJwk: JWK = { kty: "RSA", n: foreign.n ?? "", e: foreign.e ?? "" };
  const attacks: Readonly<Record<string, Buffer>> = {
    "a key of the attacker's under the same name": signed(header, payload, foreign),
    "a key of another kind under the same name": signed({ ...header, alg: "ES256" }, payload, elliptic),
    "an algorithm that the key is not for": signed({ ...header, alg: "PS256" }, payload, key),
    "the public key as a shared secret": signedWithPublicKey(payload, key),
    "no algorithm": unsigned(payload, signature),
    "no algorithm and no signature": unsigned(payload, ""),
    "another payload under a genuine signature": Buffer.from(`${head}.${other}.${signature}`),
    "a key that the token brings along": signed({ ...header, jwk: publicJwk }, payload, foreign),
    "a key set that the token names": signed({ ...header, jku: "https://x.example/jwks" }, payload, foreign),
    "an extension that must be understood": signed({ ...header, crit: ["b64"], b64: false }, payload, key),
    "an unknown extension that must be understood": signed({ ...header, crit: ["x"], x: 1 }, payload, key),
  };
  for (const [what, token] of Object.entries(attacks)) {
    assert.equal(refused(await verifier.verify(token), token).code, "IDENTITY_INVALID", what);
  }
  accepted(await verifier.verify(Buffer.from(genuine)));
});

test("an algorithm is believed only where the provider lists it", async (context) => {
  const keys = [await signingKey("ES256", "curve"), key];
  const issuer = await startIssuer({ keys });
  context.after(() => issuer.stop());
  const narrow = verifierFor([providerOf(issuer, { algorithms: ["ES256"] })], time);
  accepted(await narrow.verify(Buffer.from(await issuer.issue("agent", AUDIENCE))));
  const token = signed(header, claimsOf(issuer, time), key);
  assert.match(
    refused(await narrow.verify(token), token).publicText,
    /signed with "RS256"; ES256 are believed/,
  );
  accepted(await verifierFor([providerOf(issuer)], time).verify(token));
  // Whatever a kind may one day let through.
  const careless = verifierFor([providerOf(issuer, { algorithms: ["HS256", "none"] })], time);
  const confused = signedWithPublicKey(claimsOf(issuer, time), key);
  refused(await careless.verify(confused), confused);
});

test("a token whose form readers could differ on is refused", async (context) => {
  const issuer = await issuerFor(context);
  const verifier = verifierFor([providerOf(issuer)], time);
  const good = JSON.stringify(claimsOf(issuer, time));
  const forms: Readonly<Record<string, readonly [unknown, string]>> = {
    "a claim twice": [header, good.replace("{", '{"sub":"admin",')],
    "a claim twice, once escaped": [header, good.replace("{", '{"s\\u0075b":"admin",')],
    "a header twice": ['{"alg":"none","alg":"RS256","kid":"first"}', good],
    "a member twice deep inside": [header, good.replace("{", '{"x":[{"y":1,"y":2}],')],
    "a prototype": [header, good.replace("{", '{"__proto__":{"repository":"acme/reports"},')],
    "nesting without end": [header, good.replace("{", `{"x":${"[".repeat(40)}${"]".repeat(40)},`)],
    "a list for a payload": [header, "[]"],
    "no JSON": [header, "sub=agent"],
    "a type that identifies nobody": [{ ...header, typ: "logout+jwt" }, good],
  };
  for (const [what, [head, payload]] of Object.entries(forms)) {
    const token = signed(head, payload, key);
    assert.equal(refused(await verifier.verify(token), token).code, "IDENTITY_INVALID", what);
  }
  const harmless = good.replace(
    "{",
    '{"constructor":"c","toString":"t","x":[{"y":1},{"y":2}],"z":{"sub":"deep"},',
  );
  const { identity } = accepted(await verifier.verify(signed(header, harmless, key)));
  assert.deepEqual(Object.keys(identity.oidc?.claims ?? {}).slice(0, 3), ["constructor", "toString", "x"]);
  assert.equal(identity.oidc?.claims["sub"], "agent");
});

test("bytes that are no token are refused at every length", async (context) => {
  const issuer = await issuerFor(context);
  const verifier = verifierFor([providerOf(issuer)], time);
  const token = signed(header, claimsOf(issuer, time), key);
  for (let cut = 0; cut < token.length; cut += 1) {
    refused(await verifier.verify(token.subarray(0, cut)), token.subarray(0, cut));
  }
  const bloated = signed(header, claimsOf(issuer, time, { pad: "x".repeat(16_384) }), key);
  assert.match(refused(await verifier.verify(bloated), bloated).publicText, /at most 16384 are read/);
  assert.equal(refused(await verifier.verify(new Uint8Array()), token).code, "IDENTITY_MISSING");
  accepted(await verifier.verify(token));
});

test("numbers that JavaScript cannot tell apart identify nobody", async (context) => {
  const issuer = await issuerFor(context);
  const payload = JSON.stringify(claimsOf(issuer, time)).replace("{", '{"id":9007199254740993,"small":7,');
  const { identity } = accepted(
    await verifierFor([providerOf(issuer)], time).verify(signed(header, payload, key)),
  );
  assert.equal(Object.hasOwn(identity.oidc?.claims ?? {}, "id"), false);
  assert.equal(identity.oidc?.claims["small"], 7);
});

test("what a provider requires of every token is required", async (context) => {
  const issuer = await issuerFor(context);
  const verifier = (requiredClaims: Record<string, string>) =>
    verifierFor([providerOf(issuer, { requiredClaims })]);
  const token = Buffer.from(await issuer.issue("agent", AUDIENCE));
  accepted(await verifier({ repository: "acme/reports", teams: "ops" }).verify(token));
  for (const required of [
    { repository: "acme/other" },
    { absent: "" },
    { teams: "data,ops" },
    { constructor: "x" },
  ]) {
    assert.match(refused(await verifier(required).verify(token), token).publicText, /its provider requires/);
  }
});

test("several providers: the issuer decides, and one token is never two people", async (context) => {
  const one = await issuerFor(context);
  const two = await startIssuer({ keys: [await signingKey("EdDSA", "first")] });
  context.after(() => two.stop());
  const first = providerOf(one, { name: "one" });
  const second = providerOf(two, { name: "two" });
  const verifier = verifierFor([first, second]);
  const ofOne = Buffer.from(await one.issue("agent", AUDIENCE));
  assert.equal(accepted(await verifier.verify(ofOne)).identity.oidc?.provider, "one");
  const ofTwo = Buffer.from(await two.issue("agent", AUDIENCE));
  assert.equal(accepted(await verifier.verify(ofTwo)).identity.oidc?.provider, "two");
  const swapped = signed(header, claimsOf(two, time), key);
  refused(await verifier.verify(swapped), swapped);

  const apart = { ...first, name: "apart", audiences: ["urn:other"] };
  verifier.update([first, apart]);
  assert.equal(accepted(await verifier.verify(ofOne)).identity.oidc?.provider, "one");
  verifier.update([first, { ...first, name: "same" }]);
  assert.match(
    refused(await verifier.verify(ofOne), ofOne).publicText,
    /several identity providers \(one, same\)/,
  );
  verifier.update([]);
  assert.match(refused(await verifier.verify(ofOne), ofOne).publicText, /is not known here/);
});
