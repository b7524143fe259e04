/** A gateway and the broker's replicas: the next connection beside the last one, and another replica when one is gone. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { refusal } from "#core/values/refusal.ts";
import { openReplicas } from "#sidecar/uplink/tls/replicas.ts";
import { tlsCarrier } from "#sidecar/uplink/tls/tls-carrier.ts";
import { Uplink } from "#sidecar/uplink/uplink.ts";
import { ClusterModel } from "#test/broker/support/cluster-model.ts";
import { silent } from "./carriers.ts";
import { callSamples } from "./samples.ts";
import { ScriptedBroker } from "./scripted-broker.ts";
import { SERVER_NAME, enrolmentOf, podFiles, startReplica, storeInMemory } from "./tls.ts";
import { until } from "./until.ts";

const never = new AbortController().signal;
const HOUR_MS = 60 * 60_000;

test("before its certificate ends a gateway opens the next connection beside the last, and nothing that was asked is lost", async () => {
  const broker = new ScriptedBroker();
  const held = Promise.withResolvers<"approved">();
  broker.script.hold = () => held.promise;
  const cluster = new ClusterModel();
  const pod = cluster.start("agent-1");
  await using replica = await startReplica({ broker, cluster });
  await using files = await podFiles(cluster.tokenFor(pod), replica.authority.bundlePem);
  // To the gateway it is almost time, so that it renews after a tenth of a second, again and again.
  const nowMs = (): number => Date.now() + HOUR_MS * 0.6 - 100;
  const first = { isOver: false };
  const carrier = tlsCarrier({
    replicas: openReplicas({ host: "127.0.0.1", resolvers: [], chance: () => 0 }),
    enrolment: {
      ...enrolmentOf(files, replica.enrolPort),
      credential: async (addresses, signal) => {
        const credential = await enrolmentOf(files, replica.enrolPort).credential(addresses, signal);
        const renewAtMs = first.isOver ? nowMs() + HOUR_MS : nowMs() + 100;
        first.isOver = true;
        return { ...credential, renewAtMs };
      },
    },
    serverName: SERVER_NAME,
    port: replica.port,
    nowMs,
    chance: () => 0,
  });
  await using uplink = new Uplink({ carrier, worker: "w", run: "r", log: silent, chance: () => 0.1 });
  await uplink.connected(never);
  const waiting = uplink.hold("AAECAwQFBgcICQoLDA0ODw", "may I", never);
  const hellos = (): number => broker.asked.filter(({ operation }) => operation === "hello").length;
  await until(() => hellos() === 2);
  await until(() => broker.listeners.size === 2);
  assert.deepEqual(await uplink.renew("lease-1", never), callSamples().renew.answers[0]);
  assert.equal(replica.connections, 2, "the first one still owes an answer");
  assert.equal(uplink.state, "connected");
  held.resolve("approved");
  assert.equal(await waiting, "approved");
  await until(() => replica.connections === 1);
  assert.equal(uplink.state, "connected");
});

test("a gateway whose replica is gone goes to the other; one that would not have it is asked last", async () => {
  const cluster = new ClusterModel();
  const pod = cluster.start("agent-1", ["127.0.0.1"]);
  const store = storeInMemory();
  const [left, right] = [new ScriptedBroker(), new ScriptedBroker()];
  const first = await startReplica({ broker: left, cluster, store, host: "127.0.0.31" });
  const place = { cluster, store, port: first.port, enrolPort: first.enrolPort };
  const second = await startReplica({ ...place, broker: right, host: "127.0.0.32" });
  await using files = await podFiles(cluster.tokenFor(pod), first.authority.bundlePem);
  const carrier = tlsCarrier({
    replicas: { addresses: async () => ["127.0.0.31", "127.0.0.32"] },
    enrolment: enrolmentOf(files, place.enrolPort),
    serverName: SERVER_NAME,
    port: place.port,
    nowMs: Date.now,
    chance: () => 0,
  });
  await using uplink = new Uplink({ carrier, worker: "w", run: "r", log: silent, chance: () => 0.1 });
  await uplink.connected(never);
  assert.deepEqual([left.asked.length, right.asked.length], [1, 0]);
  await first[Symbol.asyncDispose]();
  await until(() => right.asked.length === 1);

  left.script.hello = async () => refusal("NOT_SUPPORTED", "it is being upgraded");
  await using _again = await startReplica({ ...place, broker: left, host: "127.0.0.31" });
  await second[Symbol.asyncDispose]();
  await until(() => left.asked.length >= 2);
  await using _other = await startReplica({ ...place, broker: right, host: "127.0.0.32" });
  await until(() => right.asked.length === 2);
  await until(() => uplink.state === "connected");
});

test("replicas are found by the gateway's own name servers, in another order each time", async () => {
  await using server = await nameServer(["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
  const chances = [0.1, 0.5, 0.9, 0.9, 0.5, 0.1];
  const chance = (): number => {
    const next = chances.shift() ?? 0;
    chances.push(next);
    return next;
  };
  const replicas = openReplicas({ host: "broker.example.test", resolvers: [server.address], chance });
  const ask = (): Promise<readonly string[]> => replicas.addresses(never);
  const orders = [await ask(), await ask(), await ask()];
  for (const order of orders) assert.deepEqual([...order].sort(), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
  assert.ok(new Set(orders.map(String)).size > 1);
  server.answers = [];
  assert.equal((await ask()).length, 3, "what was last known stays good while nobody answers");
  const unknown = openReplicas({ host: "other.example.test", resolvers: [server.address], chance });
  await assert.rejects(unknown.addresses(never), /know no address/);
});

test("who stops does not wait for name servers that say nothing", async () => {
  const silence = createSocket("udp4").bind(0, "127.0.0.1");
  await once(silence, "listening");
  const resolvers = [`127.0.0.1:${silence.address().port}`];
  const replicas = openReplicas({ host: "broker.example.test", resolvers, chance: () => 0 });
  const stop = new AbortController();
  const asked = replicas.addresses(stop.signal);
  await once(silence, "message");
  stop.abort(new Error("told to stop"));
  // The resolver itself would give up with another error, after seconds.
  await assert.rejects(asked, /told to stop/);
  await assert.rejects(replicas.addresses(stop.signal), /told to stop/);
  silence.close();
});

/** Answers A questions with what it holds, everything else with nothing. */
async function nameServer(answers: string[]) {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const server = {
    address: `127.0.0.1:${socket.address().port}`,
    answers,
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await once(socket, "close");
    },
  };
  socket.on("message", (question, from) => {
    const nameEnd = question.indexOf(0, 12) + 1;
    const isA = question.readUInt16BE(nameEnd) === 1;
    const records = (isA ? server.answers : []).map((ip) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...ip.split(".").map(Number)]),
    );
    const head = Buffer.from(question.subarray(0, nameEnd + 4));
    head.writeUInt16BE(0x8180, 2);
    head.writeUInt16BE(records.length, 6);
    head.fill(0, 8, 12);
    socket.send(Buffer.concat([head, ...records]), from.port, from.address);
  });
  return server;
}
