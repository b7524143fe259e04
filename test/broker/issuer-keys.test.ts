import assert from "node:assert/strict";
import { once } from "node:events";
import { type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { httpGet } from "#broker/identity/http.ts";
import { FAILURE_COOLDOWN_MS, STALE_MS_MAX, UNKNOWN_KEY_COOLDOWN_MS } from "#broker/identity/keys.ts";
import { signingKey, startIssuer } from "#tools/oidc/issuer.ts";
import { makeAuthority } from "#test/support/certificates.ts";
import { AUDIENCE, accepted, claimsOf, clock, providerOf, refused, verifierFor } from "./support/identity.ts";
import { signed } from "./support/tokens.ts";

const old = await signingKey("RS256", "old");
const fresh = await signingKey("RS256", "fresh");
const header = (kid: string) => ({ alg: "RS256", typ: "JWT", kid });

test("a key that the issuer changed to is found, one that it dropped is forgotten", async (context) => {
  const issuer = await startIssuer({ keys: [old] });
  context.after(() => issuer.stop());
  const time = clock();
  const verifier = verifierFor([providerOf(issuer)], time);
  const before = Buffer.from(await issuer.issue("agent", AUDIENCE));
  accepted(await verifier.verify(before));
  issuer.rotate([fresh]);
  time.ms += UNKNOWN_KEY_COOLDOWN_MS;
  accepted(await verifier.verify(Buffer.from(await issuer.issue("agent", AUDIENCE))));
  assert.match(refused(await verifier.verify(before), before).publicText, /a key that test does not publish/);
});

test("made-up keys do not make us ask the issuer more than once in a while", async (context) => {
  const issuer = await startIssuer({ keys: [old] });
  context.after(() => issuer.stop());
  const time = clock();
  const verifier = verifierFor([providerOf(issuer)], time);
  const unknown = signed(header("made-up"), claimsOf(issuer, time), fresh);
  await Promise.all(Array.from({ length: 20 }, () => verifier.verify(unknown)));
  assert.equal(issuer.requests.get("/jwks"), 1);
  time.ms += UNKNOWN_KEY_COOLDOWN_MS;
  await Promise.all(Array.from({ length: 20 }, () => verifier.verify(unknown)));
  refused(await verifier.verify(unknown), unknown);
  assert.equal(issuer.requests.get("/jwks"), 2);
  accepted(await verifier.verify(signed(header("old"), claimsOf(issuer, time), old)));
});

test("whether keys can be had is found out before a token needs them, and told apart from what is remembered", async (context) => {
  const issuer = await startIssuer({ keys: [old] });
  context.after(() => issuer.stop());
  const time = clock();
  const nobody = providerOf(issuer);
  const verifier = verifierFor(
    [nobody, { ...nobody, name: "unusable", unusable: "its certificate is missing" }],
    time,
  );
  const found = async (): Promise<Readonly<Record<string, string>>> => {
    verifier.look();
    // A failure that has just been had is not looked for again.
    await new Promise((resolve) => setImmediate(resolve));
    return Object.fromEntries(verifier.keys());
  };
  const becomes = async (wanted: string | undefined): Promise<void> => {
    while ((await found())["test"] !== wanted) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  assert.deepEqual(Object.fromEntries(verifier.keys()), { unusable: "unavailable" });
  await becomes("available");
  assert.equal(issuer.requests.get("/jwks"), 1);
  await found();
  assert.equal(issuer.requests.get("/jwks"), 1, "they are asked for again when they are old");
  await issuer.stop();
  time.ms += STALE_MS_MAX / 2;
  await becomes("kept");
  time.ms += STALE_MS_MAX / 2;
  await becomes("unavailable");
  const again = await startIssuer({ port: issuer.port, keys: [old] });
  context.after(() => again.stop());
  time.ms += FAILURE_COOLDOWN_MS;
  await becomes("available");
});

test("known keys outlive an issuer that is down, until they are too old", async (context) => {
  const first = await startIssuer({ keys: [old] });
  context.after(() => first.stop());
  const time = clock();
  const verifier = verifierFor([providerOf(first)], time);
  accepted(await verifier.verify(signed(header("old"), claimsOf(first, time), old)));
  await first.stop();
  time.ms += STALE_MS_MAX - 1;
  accepted(await verifier.verify(signed(header("old"), claimsOf(first, time), old)));
  const unknown = signed(header("fresh"), claimsOf(first, time), fresh);
  assert.equal(refused(await verifier.verify(unknown), unknown).code, "IDENTITY_INVALID");
  time.ms += 1;
  const late = signed(header("old"), claimsOf(first, time), old);
  assert.equal(refused(await verifier.verify(late), late).code, "IDENTITY_UNCHECKED");
  const again = await startIssuer({ port: first.port, keys: [old] });
  context.after(() => again.stop());
  time.ms += FAILURE_COOLDOWN_MS;
  accepted(await verifier.verify(signed(header("old"), claimsOf(first, time), old)));
});

type Answer = (issuer: string, path: string) => (response: ServerResponse) => void;

/** An issuer that speaks for itself in every way that the provider's own library never would. */
async function oddIssuer(context: TestContext, answer: Answer): Promise<string> {
  const server = createServer((request, response) =>
    answer(issuer, new URL(request.url ?? "", "http://x").pathname)(response),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return issuer;
}

const publicOld = { kty: "RSA", kid: "old", alg: "RS256", n: old.n, e: old.e };
const documents: Readonly<
  Record<string, (issuer: string) => readonly [discovery: object | string, keys: object | string]>
> = {
  "speaks for another issuer": (issuer) => [
    { issuer: `${issuer}/x`, jwks_uri: `${issuer}/jwks` },
    { keys: [publicOld] },
  ],
  "has keys without TLS elsewhere": (issuer) => [
    { issuer, jwks_uri: "http://keys.example/jwks" },
    { keys: [] },
  ],
  "has keys in a file": (issuer) => [{ issuer, jwks_uri: "file:///etc/passwd" }, { keys: [] }],
  "has an address with a password": (issuer) => [
    { issuer, jwks_uri: issuer.replace("//", "//u:p@") },
    { keys: [publicOld] },
  ],
  "names no keys": (issuer) => [{ issuer }, { keys: [publicOld] }],
  "says its issuer twice": (issuer) => [
    `{"issuer":"x","issuer":"${issuer}","jwks_uri":"${issuer}/jwks"}`,
    { keys: [publicOld] },
  ],
  "publishes no list": (issuer) => [{ issuer, jwks_uri: `${issuer}/jwks` }, { keys: "none" }],
  "publishes a shared secret only": (issuer) => [
    { issuer, jwks_uri: `${issuer}/jwks` },
    { keys: [{ kty: "oct", k: "AAAA", kid: "old" }] },
  ],
  "publishes a private key": (issuer) => [{ issuer, jwks_uri: `${issuer}/jwks` }, { keys: [{ ...old }] }],
  "publishes too many keys": (issuer) => [
    { issuer, jwks_uri: `${issuer}/jwks` },
    { keys: Array.from({ length: 65 }, () => publicOld) },
  ],
  "publishes more than we read": (issuer) => [
    { issuer, jwks_uri: `${issuer}/jwks` },
    { keys: [publicOld], pad: "x".repeat(300_000) },
  ],
};

for (const [what, make] of Object.entries(documents)) {
  test(`an issuer that ${what} vouches for nobody`, async (context) => {
    const time = clock();
    const issuer = await oddIssuer(context, (self, path) => (response) => {
      const [discovery, keys] = make(self);
      const body = path === "/jwks" ? keys : discovery;
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    });
    const verifier = verifierFor([{ name: "odd", issuer, audiences: [AUDIENCE] }], time);
    const claims = {
      iss: issuer,
      sub: "agent",
      aud: AUDIENCE,
      iat: time.ms / 1000 - 1,
      exp: time.ms / 1000 + 60,
    };
    const token = signed(header("old"), claims, old);
    assert.equal(refused(await verifier.verify(token), token).code, "IDENTITY_UNCHECKED");
  });
}

test("the same issuer without oddity vouches", async (context) => {
  const time = clock();
  const issuer = await oddIssuer(context, (self, path) => (response) => {
    response.end(
      JSON.stringify(path === "/jwks" ? { keys: [publicOld] } : { issuer: self, jwks_uri: `${self}/jwks` }),
    );
  });
  const verifier = verifierFor([{ name: "odd", issuer, audiences: [AUDIENCE] }], time);
  const claims = {
    iss: issuer,
    sub: "agent",
    aud: AUDIENCE,
    iat: time.ms / 1000 - 1,
    exp: time.ms / 1000 + 60,
  };
  accepted(await verifier.verify(signed(header("old"), claims, old)));
});

test("a request follows no redirect, waits no longer than it was told and reads no more", async (context) => {
  const place = await oddIssuer(context, (self, path) => (response) => {
    if (path === "/away") response.writeHead(302, { location: `${self}/here` }).end();
    else if (path === "/slow") response.write("{");
    else response.end(JSON.stringify({ pad: "x".repeat(Number(path.slice(1))) }));
  });
  const get = (path: string) =>
    httpGet({ url: new URL(`${place}${path}?secret=1`), bodyBytesMax: 1_000, timeoutMs: 200 });
  await assert.rejects(get("/away"), /status 302/);
  await assert.rejects(get("/slow"), /no answer within 200 ms/);
  await assert.rejects(
    httpGet({ url: new URL(`${place}/2000`), bodyBytesMax: 1_000, timeoutMs: 2_000 }),
    /more than 1000 bytes/,
  );
  await assert.rejects(get("/away"), (error: Error) => !error.message.includes("secret"));
  await assert.rejects(
    httpGet({ url: new URL("http://issuer.example/"), bodyBytesMax: 1, timeoutMs: 1 }),
    /neither https/,
  );
  assert.equal(
    (await httpGet({ url: new URL(`${place}/500`), bodyBytesMax: 1_000, timeoutMs: 2_000 })).length,
    510,
  );
});

test("an issuer over TLS is believed with its own authority only", async (context) => {
  const authority = makeAuthority();
  const issuer = await startIssuer({ keys: [old], tls: authority.issue("IP:127.0.0.1") });
  const misnamed = await startIssuer({ keys: [old], tls: authority.issue("DNS:other.example") });
  context.after(() => Promise.all([issuer.stop(), misnamed.stop()]));
  const time = clock();
  const token = signed(header("old"), claimsOf(issuer, time), old);
  accepted(await verifierFor([providerOf(issuer, { caPem: authority.certPem })], time).verify(token));
  const refusals = [
    await verifierFor([providerOf(issuer)], time).verify(token),
    await verifierFor([providerOf(issuer, { caPem: makeAuthority().certPem })], time).verify(token),
  ];
  for (const refusal of refusals) assert.equal(refused(refusal, token).code, "IDENTITY_UNCHECKED");
  const other = signed(header("old"), claimsOf(misnamed, time), old);
  const verifier = verifierFor([providerOf(misnamed, { caPem: authority.certPem })], time);
  assert.equal(refused(await verifier.verify(other), other).code, "IDENTITY_UNCHECKED");
});
