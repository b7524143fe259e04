/** Who is let in at the broker port in a cluster, and what is done to the others. */
import assert from "node:assert/strict";
import { X509Certificate, createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { type Socket, connect as connectTcp } from "node:net";
import { after, before, test } from "node:test";
import { type ConnectionOptions, type TLSSocket, connect } from "node:tls";
import { HELLO_BYTES_MAX } from "#broker/api/peer.ts";
import { encodeFrame } from "#core/port/frame.ts";
import { keyHash, podUri } from "#core/port/enrol.ts";
import { callFrame } from "#core/port/messages.ts";
import type { CallOperation } from "#core/port/operations.ts";
import {
  type Certified,
  certifyClientKey,
  makeAuthority,
  makeCertificate,
  makeClientCertificate,
} from "#runtime/certificate/make.ts";
import { ClusterModel, type ModelPod } from "#test/broker/support/cluster-model.ts";
import { faultProxy } from "./fault-proxy.ts";
import { golden } from "./golden.ts";
import { callSamples } from "./samples.ts";
import { ScriptedBroker } from "./scripted-broker.ts";
import {
  type Replica,
  SERVER_NAME,
  TEST_LIMITS,
  mutualTls,
  podUplink,
  startReplica,
  storeInMemory,
} from "./tls.ts";
import { until } from "./until.ts";

const HOUR_MS = 60 * 60_000;
const never = new AbortController().signal;
const hello = golden("hello.request");
const broker = new ScriptedBroker();
const cluster = new ClusterModel();
const store = storeInMemory();
let replica: Replica;
let signer: Certified;
before(async () => {
  replica = await startReplica({ broker, cluster, store });
  const stored = await store.load(never);
  assert.ok(stored);
  [signer] = stored.record;
});
after(() => replica[Symbol.asyncDispose]());

interface Shown {
  readonly cert: string;
  readonly key: string;
}

/** What enrolment would have given, by whichever authority and for as long as the attack needs. */
function podCertificate(uid: string, by: Certified = signer, nowMs = Date.now(), validMs = HOUR_MS): Shown {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const cert = certifyClientKey(by, { commonName: uid, uri: podUri(uid), publicKey }, nowMs, validMs);
  return { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

function pin(pod: ModelPod, { key }: Shown): void {
  const hash = keyHash(createPublicKey(createPrivateKey(key)));
  cluster.pins.set(pod.claim.uid, { claim: pod.claim, keyHash: hash, bootId: "", gatewayRestarts: 0 });
}

function dial(
  shown: Partial<Shown>,
  more: ConnectionOptions & { readonly localAddress?: string } = {},
  to = replica,
): TLSSocket {
  const ca = to.authority.bundlePem;
  const socket = connect({
    host: "127.0.0.1",
    port: to.port,
    servername: SERVER_NAME,
    ca,
    ALPNProtocols: ["sallyport"],
    ...shown,
    ...more,
  });
  // Nobody is told of the end of what is not read.
  return socket.on("error", () => undefined).resume();
}

/** Whatever else becomes of the socket. */
function told(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve) => socket.once(event, () => resolve()));
}

/** Greets, and tells whether the broker welcomes it before the connection ends. */
async function isServed(socket: TLSSocket): Promise<boolean> {
  socket.on("secureConnect", () => socket.write(hello));
  const answered = new Promise<boolean>((resolve) =>
    socket.once("data", (piece: Buffer) => resolve(!piece.includes("publicText"))),
  );
  const ended = told(socket, "close").then(() => false);
  const served = await Promise.race([answered, ended]);
  socket.destroy();
  return served;
}

test("a pod with its certificate and key is served; nobody else is", async () => {
  const pod = cluster.start("agent-1");
  const own = podCertificate(pod.claim.uid);
  pin(pod, own);
  assert.equal(await isServed(dial(own)), true);

  const foreign = makeAuthority("Sallyport broker", Date.now(), HOUR_MS);
  const other = cluster.start("agent-2");
  const otherOwn = podCertificate(other.claim.uid);
  pin(other, otherOwn);
  const user = makeClientCertificate(
    signer,
    { commonName: pod.claim.uid, organizations: [] },
    Date.now(),
    HOUR_MS,
  );
  const server = makeCertificate(signer, [SERVER_NAME], Date.now(), HOUR_MS);
  const shown: Readonly<Record<string, Partial<Shown>>> = {
    "no certificate": {},
    "a certificate by another authority of the same name": podCertificate(pod.claim.uid, foreign),
    "a certificate of the pod for another key than the pinned": podCertificate(pod.claim.uid),
    "a certificate that is over": podCertificate(pod.claim.uid, signer, Date.now() - 2 * HOUR_MS),
    "a certificate of a pod that has no pin": podCertificate(cluster.start("agent-3").claim.uid),
    "a certificate of the broker's authority that is no pod's": {
      cert: user.certificatePem,
      key: user.keyPem,
    },
    "a certificate for servers": { cert: server.certificatePem, key: server.keyPem },
  };
  for (const [what, attack] of Object.entries(shown)) {
    const asked = broker.asked.length;
    assert.equal(await isServed(dial(attack)), false, what);
    assert.equal(broker.asked.length, asked, what);
  }
  assert.throws(
    () => dial({ cert: own.cert, key: otherOwn.key }),
    /key values mismatch/,
    "a stolen certificate",
  );
  assert.equal(await isServed(dial(otherOwn)), true, "and the others go on");
});

test("an older TLS and another protocol are not spoken", async () => {
  const pod = cluster.start("agent-1");
  const own = podCertificate(pod.claim.uid);
  pin(pod, own);
  assert.equal(await isServed(dial(own, { maxVersion: "TLSv1.2" })), false);
  assert.equal(await isServed(dial(own, { ALPNProtocols: ["http/1.1"] })), false);
  assert.equal(await isServed(dial(own, { ALPNProtocols: [] })), false);
  assert.equal(await isServed(dial(own)), true);
});

test("no common version of the port is said, and then the connection ends", async () => {
  const pod = cluster.start("agent-1");
  const own = podCertificate(pod.claim.uid);
  pin(pod, own);
  const socket = dial(own);
  await told(socket, "secureConnect");
  const pieces: Buffer[] = [];
  socket.on("data", (piece: Buffer) => pieces.push(piece));
  const greeting = { ...callSamples().hello.request, versions: [65_535] };
  broker.script.hello = async ({ versions }) =>
    versions.includes(1)
      ? { version: 1, broker: "b" }
      : { code: "NOT_SUPPORTED", publicText: "this broker speaks 1" };
  socket.write(encodeFrame(callFrame(0, "hello", greeting)));
  await told(socket, "close");
  delete broker.script.hello;
  assert.match(Buffer.concat(pieces).toString("latin1"), /NOT_SUPPORTED/);
});

test("a pin that is taken back takes the certificate's worth with it, and a gateway enrols anew", async () => {
  await using carried = await mutualTls(new ScriptedBroker());
  await using proxy = await faultProxy(carried.replica.port);
  await using uplink = podUplink(carried.files, carried.replica, { port: proxy.port });
  await uplink.connected(never);
  const { uid } = carried.pod.claim;
  const first = carried.cluster.pins.get(uid);
  assert.ok(first);
  carried.cluster.pins.delete(uid);
  proxy.cut();
  await until(() => carried.cluster.pins.get(uid) !== undefined);
  await until(() => uplink.state === "connected");
  assert.equal(carried.cluster.pins.get(uid)?.keyHash, first.keyHash, "with the key that it has");
  assert.ok(carried.replica.notes.some((note) => note.startsWith("port.refused")));
});

test("a connection ends with the certificate that opened it", async () => {
  const pod = cluster.start("agent-1");
  // To this replica it is almost an hour later.
  await using later = await startReplica({
    broker,
    cluster,
    store,
    portNow: () => Date.now() + HOUR_MS - 1_500,
  });
  const own = podCertificate(pod.claim.uid);
  pin(pod, own);
  const socket = dial(own, {}, later);
  await told(socket, "secureConnect");
  socket.write(hello);
  await told(socket, "data");
  const leftMs = new X509Certificate(own.cert).validToDate.getTime() - Date.now() - HOUR_MS + 1_500;
  assert.ok(leftMs > 0, "it was open while the certificate was good");
  await told(socket, "close");
});

test("whoever has not introduced itself is given room for that and no more", async () => {
  const pod = cluster.start("agent-1");
  const own = podCertificate(pod.claim.uid);
  pin(pod, own);
  const socket = dial(own);
  await told(socket, "secureConnect");
  const announced = Buffer.alloc(4);
  announced.writeUInt32BE(HELLO_BYTES_MAX + 1);
  socket.write(announced);
  await told(socket, "close");
  assert.ok(replica.notes.at(-1)?.includes(String(HELLO_BYTES_MAX)));
  const large = dial(own);
  await told(large, "secureConnect");
  const batch = [
    { ...(callSamples().append.request.batch[0] ?? assert.fail()), leaf: Buffer.alloc(HELLO_BYTES_MAX) },
  ];
  large.write(Buffer.concat([hello, encodeFrame(callFrame(1, "append", { batch }))]));
  await until(() => broker.asked.at(-1)?.operation === "append");
  large.destroy();
});

test("connections that say nothing are few, and short; a pod is served beside them", async () => {
  const limits = { ...TEST_LIMITS, handshakesMax: 20 };
  await using flooded = await startReplica({ broker, cluster, store, limits, handshakeMs: 700 });
  const pod = cluster.start("agent-1");
  const own = podCertificate(pod.claim.uid);
  pin(pod, own);
  const flood = await Promise.all(Array.from({ length: 60 }, () => silentSocket(flooded.port)));
  const closed = flood.map((socket) => (socket.destroyed ? undefined : told(socket, "close")));
  await until(() => flooded.notes.some((note) => note.includes("too many: handshakes")));
  assert.ok(flooded.connections <= limits.handshakesMax);
  await Promise.all(closed);
  await until(() => flooded.connections === 0);
  assert.equal(await isServed(dial(own, {}, flooded)), true);
});

test("one source has a few connections and not one more, and may not open them as fast as it can", async () => {
  const limits = { ...TEST_LIMITS, ofOneSourceMax: 3, sourceBurst: 5, sourceEveryMs: 60_000 };
  await using bounded = await startReplica({ broker, cluster, store, limits });
  const pod = cluster.start("agent-1");
  const own = podCertificate(pod.claim.uid);
  pin(pod, own);
  const from = (localAddress: string): TLSSocket => dial(own, { localAddress }, bounded);
  const three = [0, 1, 2].map(() => from("127.0.0.21"));
  await Promise.all(three.map((socket) => told(socket, "secureConnect")));
  assert.equal(await isServed(from("127.0.0.21")), false);
  assert.equal(await isServed(from("127.0.0.22")), true, "another pod is served");
  for (const socket of three) socket.destroy();
  await until(() => bounded.connections === 0);
  assert.equal(await isServed(from("127.0.0.21")), true);
  assert.equal(await isServed(from("127.0.0.21")), true);
  assert.equal(await isServed(from("127.0.0.21")), false, "the sixth within a minute");
});

for (const operation of (Object.keys(callSamples()) as CallOperation[]).filter((name) => name !== "hello"))
  test(`a recorded ${operation} of version 1 is answered over TLS as it was recorded`, async () => {
    const pod = cluster.start("agent-1");
    const own = podCertificate(pod.claim.uid);
    pin(pod, own);
    const [answer] = callSamples()[operation].answers;
    broker.script = { [operation]: async () => answer };
    const socket = dial(own);
    let received = Buffer.alloc(0);
    socket.on("data", (piece: Buffer) => {
      received = Buffer.concat([received, piece]);
    });
    socket.write(Buffer.concat([hello, golden(`${operation}.request`)]));
    const expected = Buffer.concat([golden("hello.answer-0"), golden(`${operation}.answer-0`)]);
    await until(() => received.length >= expected.length);
    broker.script = {};
    socket.destroy();
    assert.deepEqual(received, expected);
  });

async function silentSocket(port: number): Promise<Socket> {
  const socket = connectTcp(port, "127.0.0.1")
    .on("error", () => undefined)
    .resume();
  await Promise.race([told(socket, "connect"), told(socket, "close")]);
  return socket;
}
