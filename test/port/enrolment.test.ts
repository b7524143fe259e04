/** How a pod's gateway becomes known to the broker, and everybody else does not. */
import assert from "node:assert/strict";
import { type KeyObject, generateKeyPairSync, randomBytes, sign, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { request } from "node:https";
import { after, before, beforeEach, test } from "node:test";
import {
  ENROL_BYTES_MAX,
  ENROL_PATH,
  type EnrolRequest,
  type Enrolled,
  enrolMessage,
  keyHash,
  podOfAltName,
} from "#core/port/enrol.ts";
import { type Refusal, type RefusalCode, isRefusal } from "#core/values/refusal.ts";
import { ClusterModel, type ModelPod } from "#test/broker/support/cluster-model.ts";
import { ScriptedBroker } from "./scripted-broker.ts";
import { type Replica, SERVER_NAME, enrolmentOf, podFiles, podUplink, startReplica } from "./tls.ts";
import { until } from "./until.ts";

const POD = "127.0.0.11";
const ELSEWHERE = "127.0.0.12";
const never = new AbortController().signal;

const cluster = new ClusterModel();
let replica: Replica;
before(async () => {
  replica = await startReplica({ broker: new ScriptedBroker(), cluster });
});
after(() => replica[Symbol.asyncDispose]());

let pod: ModelPod;
beforeEach(() => {
  pod = cluster.start("agent-1", [POD]);
});

interface Keys {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}
const newKeys = (namedCurve = "prime256v1"): Keys => generateKeyPairSync("ec", { namedCurve });

function asked(token: string, { publicKey, privateKey }: Keys, provenBy = privateKey): EnrolRequest {
  return {
    token,
    publicKey: publicKey.export({ type: "spki", format: "der" }).toString("base64url"),
    proof: sign("sha256", enrolMessage(token), provenBy).toString("base64url"),
  };
}

async function post(
  body: unknown,
  localAddress = POD,
): Promise<{ readonly status: number; readonly answer: Partial<Enrolled & Refusal> }> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const asking = request({
    host: "127.0.0.1",
    port: replica.enrolPort,
    servername: SERVER_NAME,
    ca: replica.authority.bundlePem,
    method: "POST",
    path: ENROL_PATH,
    headers: { "content-type": "application/json" },
    agent: false,
    localAddress,
  });
  asking.end(text);
  const [response] = (await once(asking, "response")) as [AsyncIterable<Buffer> & { statusCode: number }];
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  return { status: response.statusCode, answer: JSON.parse(Buffer.concat(pieces).toString()) as object };
}

const codeOf = async (body: unknown, from?: string): Promise<string> => {
  const { answer } = await post(body, from);
  return answer.certificate === undefined ? (answer.code ?? JSON.stringify(answer)) : "enrolled";
};

test("a pod is given a certificate of its own name and key, for clients, for an hour; and again for the same key", async () => {
  const keys = newKeys();
  const { status, answer } = await post(asked(cluster.tokenFor(pod), keys));
  assert.equal(status, 200);
  const certificate = new X509Certificate(answer.certificate ?? "");
  assert.equal(podOfAltName(certificate.subjectAltName), pod.claim.uid);
  assert.equal(keyHash(certificate.publicKey), keyHash(keys.publicKey));
  assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.2"], "clientAuth");
  assert.equal(certificate.ca, false);
  const leftMs = certificate.validToDate.getTime() - Date.now();
  assert.ok(leftMs > 59 * 60_000 && leftMs <= 60 * 60_000, `${leftMs} ms`);
  assert.equal(
    await codeOf(asked(cluster.tokenFor(pod), keys)),
    "enrolled",
    "a gateway that was started again",
  );
  assert.ok(replica.notes.some((note) => note.startsWith("pod.enrolled") && note.includes(pod.claim.uid)));
});

test("a stolen token is worth nothing from another address, before its pod has used it and after", async () => {
  const token = cluster.tokenFor(pod);
  const thief = newKeys();
  assert.equal(await codeOf(asked(token, thief), ELSEWHERE), "IDENTITY_INVALID");
  assert.equal(cluster.pins.has(pod.claim.uid), false, "nothing of the thief's is kept");
  assert.ok(replica.notes.at(-1)?.startsWith("pod.not-enrolled"), "and people are told");
  assert.equal(await codeOf(asked(token, newKeys())), "enrolled");
  assert.equal(await codeOf(asked(token, thief), ELSEWHERE), "IDENTITY_INVALID");
});

test("whoever has the token inside the pod gets nothing for a second key, until the node was started again and the gateway with it", async () => {
  const token = cluster.tokenFor(pod);
  assert.equal(await codeOf(asked(token, newKeys())), "enrolled");
  const second = newKeys();
  assert.equal(await codeOf(asked(token, second)), "POD_KEY_REFUSED");
  assert.ok(replica.notes.at(-1)?.includes("POD_KEY_REFUSED"));
  pod.gatewayRestarts += 1;
  assert.equal(
    await codeOf(asked(token, second)),
    "POD_KEY_REFUSED",
    "a gateway that restarts still has its key",
  );
  pod.bootId = "boot-2";
  assert.equal(await codeOf(asked(token, second)), "enrolled");
  assert.equal(await codeOf(asked(token, newKeys())), "POD_KEY_REFUSED", "once");
});

test("the proof has to be the key's own, for this very token, on the one curve", async () => {
  const keys = newKeys();
  const token = cluster.tokenFor(pod);
  const refused: Readonly<Record<string, EnrolRequest>> = {
    "signed by another key": asked(token, keys, newKeys().privateKey),
    "signed for another token": { ...asked(token, keys), proof: asked(cluster.tokenFor(pod), keys).proof },
    "of another curve": asked(token, newKeys("secp384r1")),
    "no key at all": { ...asked(token, keys), publicKey: "AAAA" },
    "no signature at all": { ...asked(token, keys), proof: "AAAA" },
  };
  for (const [what, body] of Object.entries(refused)) {
    const { status, answer } = await post(body);
    assert.equal(status, 403, what);
    assert.equal(answer.code, "IDENTITY_INVALID", what);
  }
  assert.equal(await codeOf(asked(token, keys)), "enrolled");
});

test("a token that is over, a pod that has ended, and one that its node does not know yet are refused, each in its own words", async () => {
  const token = cluster.tokenFor(pod);
  const keys = newKeys();
  pod.ips = [];
  assert.equal(await codeOf(asked(token, keys)), "POD_UNCHECKED");
  pod.ips = ["fd00::1", `::ffff:${POD}`];
  assert.equal(
    await codeOf(asked(token, keys)),
    "enrolled",
    "whichever of its addresses, however it is spelt",
  );
  cluster.tokens.delete(token);
  assert.equal(await codeOf(asked(token, keys)), "IDENTITY_INVALID");
  const next = cluster.tokenFor(pod);
  pod.isAlive = false;
  assert.equal(await codeOf(asked(next, keys)), "POD_ENDED");
});

test("what is no enrolment is turned away before anything is asked of the cluster, and not quoted", async () => {
  const right = asked(cluster.tokenFor(pod), newKeys());
  const wrong: readonly (readonly [number, unknown])[] = [
    [400, "{"],
    [400, "[]"],
    [400, "null"],
    [400, { ...right, more: 1 }],
    [400, { ...right, token: "not a token" }],
    [400, { token: right.token, publicKey: right.publicKey }],
    [400, { ...right, proof: 7 }],
    [413, { ...right, token: "x".repeat(ENROL_BYTES_MAX) }],
  ];
  for (const [status, body] of wrong) {
    const got = await post(body);
    assert.equal(got.status, status, JSON.stringify(body).slice(0, 80));
    assert.deepEqual(Object.keys(got.answer), ["problem"]);
    assert.ok(!JSON.stringify(got.answer).includes(right.token));
  }
});

test("a gateway says why it is not enrolled, and believes only the broker of its authority", async () => {
  await using files = await podFiles("e30.e30.e30", replica.authority.bundlePem);
  const enrolment = enrolmentOf(files, replica.enrolPort);
  await assert.rejects(enrolment.credential(["127.0.0.1"], never), /IDENTITY_INVALID/);
  await using other = await startReplica({ broker: new ScriptedBroker(), cluster });
  await writeFile(files.authority, other.authority.bundlePem);
  await assert.rejects(enrolment.credential(["127.0.0.1"], never), /certificate|self-signed|issuer/i);
});

test("whoever wants a session of a gateway that the broker will not have is told why, until it does", async () => {
  const own = cluster.start("agent-9");
  await using files = await podFiles(cluster.tokenFor(own), replica.authority.bundlePem);
  own.isAlive = false;
  await using uplink = podUplink(files, replica);
  const refusals: RefusalCode[] = [];
  uplink.onRefused(({ code }) => refusals.push(code));
  await until(() => uplink.refused !== undefined);
  const wanted = { session: randomBytes(16).toString("base64url"), listener: "pod" };
  const evidence = { kind: "ambient" } as const;
  const answer: object = await uplink.identify({ ...wanted, evidence }, never);
  assert.ok(isRefusal(answer) && answer.code === "POD_ENDED");
  // What holds a lease asks again: it is not over by that.
  const renewed: object = await uplink.renew("lease-1", never);
  assert.ok(isRefusal(renewed) && renewed.code === "BROKER_UNREACHABLE");
  own.ips = [];
  own.isAlive = true;
  await until(() => uplink.refused?.code === "POD_UNCHECKED");
  own.ips = ["127.0.0.1"];
  await uplink.connected(never);
  assert.equal(uplink.refused, undefined);
  assert.deepEqual([...new Set(refusals)], ["POD_ENDED", "POD_UNCHECKED"]);
});

test("a gateway whose broker cannot be reached any more says no longer what that had said", async () => {
  const own = cluster.start("agent-10");
  own.isAlive = false;
  const gone = await startReplica({ broker: new ScriptedBroker(), cluster });
  await using files = await podFiles(cluster.tokenFor(own), gone.authority.bundlePem);
  await using uplink = podUplink(files, gone);
  await until(() => uplink.refused !== undefined);
  await gone[Symbol.asyncDispose]();
  await until(() => uplink.refused === undefined);
  assert.equal(uplink.state, "away");
});

test("a gateway that was started again has its key still; one whose key is damaged does not come with another", async () => {
  const local = cluster.start("agent-2", ["127.0.0.1"]);
  await using files = await podFiles(cluster.tokenFor(local), replica.authority.bundlePem);
  const first = await enrolmentOf(files, replica.enrolPort).credential(["127.0.0.1"], never);
  const second = await enrolmentOf(files, replica.enrolPort).credential(["127.0.0.1"], never);
  assert.equal(second.keyPem, first.keyPem);
  await writeFile(`${files.state}/key.pem`, "no key");
  await assert.rejects(
    enrolmentOf(files, replica.enrolPort).credential(["127.0.0.1"], never),
    /does not hold/,
  );
});
