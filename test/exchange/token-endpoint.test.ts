/** `POST /oauth2/token` as clients, verifiers and attackers see it. */
import assert from "node:assert/strict";
import { createHash, randomBytes, X509Certificate } from "node:crypto";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { type JSONWebKeySet, createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { readForm } from "#broker/api/token-endpoint/form.ts";
import { KEY_MS, signingKeys } from "#broker/api/token-endpoint/signing-keys.ts";
import { readTrail } from "#broker/trail/read.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import { parseLeaf } from "#core/audit/leaf.ts";
import { refusal } from "#core/values/refusal.ts";
import { makeAuthority, makeClientCertificate } from "#runtime/certificate/make.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { type ModelSubject, TroubledCluster, modelWorld } from "./support/model-world.ts";
import { ISSUER, type Answer, type Rig, ask, policyFor, startRig } from "./support/rig.ts";
import { tokenForm } from "./support/subject.ts";

const FORM = "application/x-www-form-urlencoded";
const cluster = new TroubledCluster();
let rig: Rig;
let subject: ModelSubject;
before(async () => {
  rig = await startRig(cluster);
  rig.configure([policyFor({ namespace: "shop", name: "agent" })]);
  subject = await modelWorld(rig, cluster).subject();
});
after(async () => {
  await subject[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

interface Fields {
  readonly [name: string]: unknown;
  readonly access_token?: string;
  readonly error?: string;
}
const fieldsOf = ({ text }: Answer): Fields => JSON.parse(text) as Fields;
const keys = async (): Promise<JSONWebKeySet> =>
  JSON.parse((await ask(rig, "/.well-known/jwks.json")).text) as JSONWebKeySet;

/** Of another pod each time: every pod may ask a number of times only. */
async function fresh(work: (of: ModelSubject) => Promise<void>): Promise<void> {
  await using one = await modelWorld(rig, cluster).subject();
  await work(one);
}

describe("a token for a pod", () => {
  test("is what RFC 8693, 9068 and 8705 say, and every word of it the broker's own", async () => {
    const answer = await subject.post(tokenForm(await subject.token()));
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers["cache-control"], "no-store");
    const { access_token: token = "", ...rest } = fieldsOf(answer);
    assert.deepEqual(rest, {
      issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
      token_type: "Bearer",
      expires_in: 300,
    });
    const verified = await jwtVerify(token, createLocalJWKSet(await keys()), {
      issuer: ISSUER,
      audience: "gate://shop/orders",
      typ: "at+jwt",
      algorithms: ["ES256"],
    });
    const { iat, exp, jti, act, ...claims } = verified.payload;
    assert.equal((exp ?? 0) - (iat ?? 0), 300);
    assert.match(jti ?? "", /^[\w-]{22}$/);
    const { uid, namespace, name } = subject.claim;
    const { credential, ...pod } = (act as { "kubernetes.io": Record<string, unknown> })["kubernetes.io"];
    assert.deepEqual(
      { ...(act as object), "kubernetes.io": pod },
      {
        sub: `sallyport://pod/${uid}`,
        "kubernetes.io": { namespace, pod: { name, uid } },
        act: { sub: "ada" },
      },
    );
    assert.equal(typeof credential, "string");
    const certificate = new X509Certificate(subject.shown.certificatePem);
    assert.deepEqual(claims, {
      iss: ISSUER,
      aud: "gate://shop/orders",
      sub: "system:serviceaccount:shop:agent",
      client_id: `sallyport://pod/${uid}`,
      cnf: { "x5t#S256": createHash("sha256").update(certificate.raw).digest("base64url") },
      authorization_details: [
        {
          type: "sallyport.dev/connection",
          locations: ["gate://shop/orders"],
          protocol: "postgres",
          rule: "agents/read",
        },
      ],
    });
  });

  test("ends with the pod's own token, with its policy and with its certificate, whichever is first", async () => {
    await fresh(async (one) => {
      const exp = Math.floor(Date.now() / 1000) + 60;
      const token = `e30.${Buffer.from(JSON.stringify({ exp })).toString("base64url")}.${randomBytes(8).toString("hex")}`;
      cluster.tokens.set(token, one.claim);
      const short = fieldsOf(await one.post(tokenForm(Buffer.from(token))))["expires_in"];
      assert.ok(typeof short === "number" && short <= 60 && short > 0, String(short));
    });
  });

  test("is found by libraries that look for a server's metadata", async () => {
    const metadata = JSON.parse((await ask(rig, "/.well-known/oauth-authorization-server")).text) as Fields;
    assert.equal(metadata["issuer"], ISSUER);
    assert.equal(metadata["token_endpoint"], `${ISSUER}/oauth2/token`);
    assert.equal(metadata["tls_client_certificate_bound_access_tokens"], true);
  });

  test("is on record before it is given out, with who asked and never the token", async () => {
    await fresh(async (one) => {
      const token = await one.token();
      const given = fieldsOf(await one.post(tokenForm(token))).access_token ?? "";
      assert.equal((await one.post(tokenForm(token, "gate://shop/none"))).status, 400);
      const leaves: string[] = [];
      for await (const entry of readTrail({ disk: realDisk, directory: rig.trailDirectory }))
        if (entry.kind === "leaf") leaves.push(JSON.stringify(parseLeaf(entry.leaf)));
      const ours = leaves
        .filter((leaf) => leaf.includes(one.claim.uid))
        .map((leaf) => JSON.parse(leaf) as Fields);
      const issued = ours.find(({ kind }) => kind === "grant.issued");
      const { credential } = cluster.tokens.get(token.toString("latin1")) ?? {};
      assert.ok(credential && issued);
      assert.equal((issued["caller"] as { pod: { credential: string } }).pod.credential, credential);
      const refusedOnce = ours.find(({ kind }) => kind === "grant.refused");
      assert.equal(refusedOnce?.["code"], "DENY_UNKNOWN_CONNECTION");
      assert.equal(refusedOnce["credential"], credential);
      // The canary: neither token, nor the half of one that is hard to guess, is anywhere.
      const everything = [...leaves, ...rig.notes].join("\n");
      for (const secret of [token.toString("latin1"), given])
        for (const part of secret.split(".").slice(1))
          assert.ok(!everything.includes(part), "a token is on record");
    });
  });

  test("is not given out while it cannot be put on record", async () => {
    const say = async () => refusal("TRAIL_UNAVAILABLE");
    await using other = await startRig(cluster, { trail: { say } });
    other.configure([policyFor({ namespace: "shop", name: "agent" })]);
    await using one = await modelWorld(other, cluster).subject();
    const answer = await one.post(tokenForm(await one.token()));
    assert.equal(answer.status, 503);
    assert.deepEqual(
      [fieldsOf(answer).error, fieldsOf(answer)["code"]],
      ["temporarily_unavailable", "TRAIL_UNAVAILABLE"],
    );
  });
});

describe("who asks", () => {
  const post = async (shown?: Parameters<typeof ask>[2]): Promise<Answer> => {
    const body = new URLSearchParams(tokenForm(await subject.token())).toString();
    return ask(rig, "/oauth2/token", shown, { body });
  };
  test("has to show a certificate, and of our authority", async () => {
    const stranger = makeClientCertificate(
      makeAuthority("stranger", Date.now(), 60_000),
      { commonName: "x", organizations: [] },
      Date.now(),
      60_000,
    );
    for (const shown of [undefined, stranger]) {
      const answer = await post(shown);
      assert.equal(answer.status, 401, answer.text);
      assert.equal(fieldsOf(answer).error, "invalid_client");
    }
  });
  test("has the key that is pinned: a certificate that outlived its pin is worth nothing", async () => {
    await fresh(async (one) => {
      const pin = cluster.pins.get(one.claim.uid);
      assert.ok(pin);
      cluster.pins.set(one.claim.uid, { ...pin, keyHash: "another" });
      const answer = await one.post(tokenForm(await one.token()));
      assert.equal(answer.status, 401);
      assert.equal(fieldsOf(answer)["code"], "POD_KEY_REFUSED");
    });
  });
  test("and a stolen token opens nothing with another pod's certificate", async () => {
    await fresh(async (thief) => {
      const answer = await thief.post(tokenForm(await subject.token()));
      assert.equal(fieldsOf(answer)["code"], "IDENTITY_INVALID");
      assert.equal(fieldsOf(await thief.post(tokenForm(await thief.token()))).error, undefined);
    });
  });
  test("may ask so often and no oftener, which costs others nothing", async () => {
    await fresh(async (one) => {
      const form = tokenForm(await one.token(), "gate://shop/none");
      const statuses = await Promise.all(
        Array.from({ length: 30 }, async () => (await one.post(form)).status),
      );
      assert.ok(statuses.includes(429), statuses.join(" "));
      assert.equal((await subject.post(tokenForm(await subject.token()))).status, 200);
    });
  });
});

describe("a form", () => {
  const refusals: Readonly<Record<string, readonly [Record<string, string | undefined>, string]>> = {
    "of another grant": [{ grant_type: "client_credentials" }, "unsupported_grant_type"],
    "without a grant": [{ grant_type: undefined }, "invalid_request"],
    "with an actor": [{ actor_token: "x.y.z" }, "invalid_request"],
    "for another type of token": [{ requested_token_type: "urn:x" }, "invalid_request"],
    "with a token of another type": [{ subject_token_type: "urn:x" }, "invalid_request"],
    "without a token": [{ subject_token: "" }, "invalid_request"],
    "with a token that is none": [{ subject_token: "a b" }, "invalid_request"],
    "for an audience": [{ audience: "x" }, "invalid_target"],
    "with a scope": [{ scope: "read" }, "invalid_scope"],
    "with details of its own": [{ authorization_details: "[]" }, "invalid_request"],
    "with a client's secret": [{ client_secret: "x" }, "invalid_client"],
    "without a resource": [{ resource: undefined }, "invalid_target"],
    "for another kind of resource": [{ resource: "https://orders.shop" }, "invalid_target"],
    "for a resource with more to it": [{ resource: "gate://shop/orders#x" }, "invalid_target"],
    "for a Connection that there is not": [{ resource: "gate://shop/none" }, "invalid_target"],
  };
  for (const [what, [change, error]] of Object.entries(refusals)) {
    test(`${what} is refused as ${error}`, () =>
      fresh(async (one) => {
        const whole = tokenForm(await one.token());
        const changed = Object.entries({ ...whole, ...change }).filter(([, value]) => value !== undefined);
        const answer = await one.post(Object.fromEntries(changed) as Record<string, string>);
        assert.equal(fieldsOf(answer).error, error, answer.text);
        assert.equal(answer.status, error === "invalid_client" ? 401 : 400);
        assert.equal(fieldsOf(await one.post({ ...whole, unknown_to_all: "x", scope: "" })).error, undefined);
      }));
  }
  test("that says something twice, is too long, or is something else, is refused", async () => {
    const whole = new URLSearchParams(tokenForm(await subject.token())).toString();
    const bodies: readonly (readonly [string | Buffer, string?])[] = [
      [`${whole}&resource=gate%3A%2F%2Fshop%2Forders`],
      [`${whole}&grant_type=`],
      [`${whole}&x=%zz`],
      [`${whole}${"&a=b".repeat(40)}`],
      [`${whole}&x=${"y".repeat(300_000)}`],
      ["{}", "application/json"],
      [whole, "text/plain"],
      [""],
    ];
    for (const [body, type = FORM] of bodies) {
      const answer = await ask(rig, "/oauth2/token", subject.shown, { body, type });
      assert.equal(answer.status, 400, `${type} ${body.toString().slice(-40)}: ${answer.text}`);
      assert.equal(fieldsOf(answer).error, "invalid_request");
    }
    assert.equal((await ask(rig, "/oauth2/token", subject.shown, { body: whole })).status, 200);
  });
  test("is read as URLSearchParams reads it, whatever is in it", () => {
    const name = fc.stringMatching(/^[a-z_]{1,12}$/);
    const value = fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" });
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 20, noNullPrototype: true }), (fields) => {
        const read = readForm(Buffer.from(new URLSearchParams(fields).toString()));
        assert.ok(typeof read !== "string");
        const texts = Object.fromEntries([...read].map(([key, bytes]) => [key, bytes.toString("utf8")]));
        assert.deepEqual(
          texts,
          Object.fromEntries(new URLSearchParams(new URLSearchParams(fields).toString())),
        );
      }),
      { numRuns: fuzzRuns(200), ...fuzzSeed() },
    );
  });
});

describe("the keys that sign", () => {
  test("change every day, are published a day before and after, and are the same at every replica", async () => {
    let nowMs = Date.now();
    const keysOf = () => signingKeys(rig.authority, () => nowMs);
    const [one, other] = [keysOf(), keysOf()];
    const today = await one.current();
    assert.equal((await other.current()).kid, today.kid);
    const kids = async () => (await one.published()).map(({ kid }) => kid);
    const published = await kids();
    assert.equal(published.length, 3);
    nowMs += KEY_MS;
    const tomorrow = await one.current();
    assert.notEqual(tomorrow.kid, today.kid);
    assert.ok(published.includes(tomorrow.kid), "published ahead");
    assert.ok((await kids()).includes(today.kid), "still good");
    nowMs += KEY_MS;
    assert.ok(!(await kids()).includes(today.kid));
    for (const key of await one.published()) assert.equal("d" in key, false);
  });
  test("are those in the header, and nothing else can be verified", async () => {
    const token = fieldsOf(await subject.post(tokenForm(await subject.token()))).access_token ?? "";
    const { kid } = decodeProtectedHeader(token);
    assert.ok((await keys()).keys.some((key) => key.kid === kid));
    const forged = `${token.slice(0, -4)}AAAA`;
    await assert.rejects(jwtVerify(forged, createLocalJWKSet(await keys())), /signature/);
  });
});
