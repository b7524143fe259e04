/** The DNS of a cluster, without one: questions as bytes, names over a cluster of plain values, sockets. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { type Question, TYPES, answerBytes, parseQuestion } from "#tools/cluster/node/dns/message.ts";
import { type Cluster, type ServiceEndpoint, resolve } from "#tools/cluster/node/dns/names.ts";
import { serveDns } from "#tools/cluster/node/dns/server.ts";

const DOMAIN = "cluster.local";
const MANY = 100;
const HERE = { address: "127.0.0.1", port: 0, say: (line: string): void => assert.fail(line) };

const cluster: Cluster = {
  service: async (namespace, name) => (namespace === "shop" ? SERVICES.get(name) : undefined),
  endpoints: async (_namespace, name) => ENDPOINTS.get(name) ?? [],
  outside: async (name) => (name === "outside.test" ? ["192.0.2.7"] : undefined),
};
const ports = [{ name: "http", protocol: "TCP", port: 80 }];
const SERVICES = new Map([
  ["web", { clusterIP: "10.96.1.1", ports }],
  ["peers", { clusterIP: "None", ports }],
  ["early", { clusterIP: "None", publishNotReadyAddresses: true }],
  ["crowd", { clusterIP: "None" }],
  ["empty", { clusterIP: "None" }],
  ["alias", { externalName: "outside.test." }],
]);
const ENDPOINTS = new Map<string, readonly ServiceEndpoint[]>([
  [
    "peers",
    [
      { addresses: ["10.244.0.5"], hostname: "web-0", conditions: { ready: true } },
      { addresses: ["10.244.0.6"] },
      { addresses: ["10.244.0.7"], hostname: "web-2", conditions: { ready: false } },
    ],
  ],
  ["early", [{ addresses: ["10.244.0.8"], conditions: { ready: false } }]],
  ["crowd", Array.from({ length: MANY }, (_, number) => ({ addresses: [`10.244.1.${number}`] }))],
]);

const A = TYPES.A;
const CASES: readonly (readonly [name: string, type: number, answer: string])[] = [
  ["web.shop.svc.cluster.local", A, "ok 10.96.1.1"],
  ["web.shop.svc.cluster.local", TYPES.AAAA, "ok"],
  ["web-0.web.shop.svc.cluster.local", A, "unknownName"],
  ["web.other.svc.cluster.local", A, "unknownName"],
  ["peers.shop.svc.cluster.local", A, "ok 10.244.0.5 10.244.0.6"],
  ["web-0.peers.shop.svc.cluster.local", A, "ok 10.244.0.5"],
  ["10-244-0-6.peers.shop.svc.cluster.local", A, "ok 10.244.0.6"],
  ["web-2.peers.shop.svc.cluster.local", A, "unknownName"],
  ["early.shop.svc.cluster.local", A, "ok 10.244.0.8"],
  ["empty.shop.svc.cluster.local", A, "unknownName"],
  ["alias.shop.svc.cluster.local", A, "ok outside.test 192.0.2.7"],
  ["alias.shop.svc.cluster.local", TYPES.AAAA, "ok outside.test"],
  ["_http._tcp.web.shop.svc.cluster.local", TYPES.SRV, "ok web.shop.svc.cluster.local:80"],
  [
    "_http._tcp.peers.shop.svc.cluster.local",
    TYPES.SRV,
    "ok web-0.peers.shop.svc.cluster.local:80 10-244-0-6.peers.shop.svc.cluster.local:80",
  ],
  ["_http._udp.web.shop.svc.cluster.local", TYPES.SRV, "unknownName"],
  ["10-244-0-9.shop.pod.cluster.local", A, "ok 10.244.0.9"],
  ["10-244-0-999.shop.pod.cluster.local", A, "unknownName"],
  ["shop.svc.cluster.local", A, "ok"],
  ["svc.cluster.local", A, "ok"],
  ["cluster.local", A, "unknownName"],
  ["outside.test", A, "ok 192.0.2.7"],
  ["outside.test.shop.svc.cluster.local", A, "unknownName"],
  ["a.b.c.web.shop.svc.cluster.local", A, "unknownName"],
  ["example.com", A, "unknownName"],
];

test("a name means what the specification of Kubernetes says, and any other nothing", async () => {
  for (const [name, type, expected] of CASES) {
    const { code, records } = await resolve(questionOf(name, type), cluster, DOMAIN);
    const said = records.map((record) => {
      if (record.type === "A") return record.address;
      return record.type === "SRV" ? `${record.target}:${record.port}` : record.target;
    });
    assert.equal([code, ...said].join(" "), expected, `${name} ${type}`);
  }
});

test("a resolver gets over UDP what fits, and all over TCP", async () => {
  await using server = await serveDns(HERE, (question) => resolve(question, cluster, DOMAIN));
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${server.port}`]);
  assert.deepEqual(await resolver.resolve4("WEB.shop.svc.cluster.local"), ["10.96.1.1"]);
  const [port] = await resolver.resolveSrv("_http._tcp.web.shop.svc.cluster.local");
  assert.deepEqual([port?.name, port?.port], ["web.shop.svc.cluster.local", 80]);
  assert.equal((await resolver.resolve4("crowd.shop.svc.cluster.local")).length, MANY);
  await assert.rejects(resolver.resolve4("nothing.test"), { code: "ENOTFOUND" });
  await assert.rejects(resolver.resolve6("web.shop.svc.cluster.local"), { code: "ENODATA" });
});

test("a port that is taken for TCP is left whole, and another is found where any will do", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  try {
    const answer = async () => assert.fail("nobody asks");
    await assert.rejects(serveDns({ ...HERE, port }, answer), { code: "EADDRINUSE" });
    const udp = createSocket("udp4").bind(port, "127.0.0.1");
    await once(udp, "listening");
    udp.close();
    await using _ = await serveDns(HERE, answer);
  } finally {
    taken.close();
  }
});

test("who is asked and does not know says so, and answers on", async () => {
  let fails = true;
  const said: string[] = [];
  await using server = await serveDns({ ...HERE, say: (line) => said.push(line) }, async () => {
    if (fails) throw new Error("the API server is away");
    return { code: "ok", records: [{ name: "web", type: "A", address: "10.0.0.1" }] };
  });
  const resolver = new Resolver({ tries: 1 });
  resolver.setServers([`127.0.0.1:${server.port}`]);
  await assert.rejects(resolver.resolve4("web"), { code: "ESERVFAIL" });
  assert.deepEqual(said, ["web: the API server is away"]);
  fails = false;
  assert.deepEqual(await resolver.resolve4("web"), ["10.0.0.1"]);
});

test("what is no question gets no answer, and does no harm", async () => {
  await using server = await serveDns(HERE, (question) => resolve(question, cluster, DOMAIN));
  const udp = createSocket("udp4");
  const good = bytesOf("web.shop.svc.cluster.local", A);
  const garbage = [
    Buffer.alloc(0),
    Buffer.alloc(11),
    Buffer.alloc(600, 0xff),
    good.subarray(0, 20),
    good.subarray(0, -1),
  ];
  for (const bytes of garbage) udp.send(bytes, server.port, "127.0.0.1");
  udp.send(good, server.port, "127.0.0.1");
  const [answer] = (await once(udp, "message")) as [Buffer];
  udp.close();
  assert.equal(answer.readUInt16BE(6), 1, "the first answer is that to the question");
  const tcp = connect(server.port, "127.0.0.1");
  tcp.end(Buffer.from([0x00, 0x03, 1, 2, 3]));
  tcp.resume();
  await once(tcp, "close");
});

test("any bytes are read without a throw, and a question comes back letter by letter", () => {
  const bytes = fc.uint8Array({ maxLength: 600 });
  fc.assert(
    fc.property(bytes, (message) => void parseQuestion(Buffer.from(message))),
    { numRuns: fuzzRuns(500), ...fuzzSeed() },
  );
  const label = fc.stringMatching(/^[A-Za-z0-9_-]{1,63}$/);
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 3 }), fc.nat(65_535), (labels, type) => {
      const message = bytesOf(labels.join("."), type);
      const question = parseQuestion(message);
      assert.ok(question);
      assert.equal(question.name, labels.join(".").toLowerCase());
      const answer = answerBytes(question, { code: "ok", records: [] }, 512);
      assert.deepEqual(answer.subarray(12), message.subarray(12));
      for (let cut = 0; cut < message.length; cut += 1)
        assert.equal(parseQuestion(message.subarray(0, cut)), undefined);
    }),
    { numRuns: fuzzRuns(100), ...fuzzSeed() },
  );
});

function bytesOf(name: string, type: number): Buffer {
  const header = Buffer.from([0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name
    .split(".")
    .map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, "latin1"));
  return Buffer.concat([header, ...labels, Buffer.from([0, type >> 8, type & 0xff, 0, 1])]);
}

function questionOf(name: string, type: number): Question {
  const question = parseQuestion(bytesOf(name, type));
  assert.ok(question);
  return question;
}
