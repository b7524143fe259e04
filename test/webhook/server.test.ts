import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent } from "node:https";
import { type Socket, connect as connectTcp } from "node:net";
import { test } from "node:test";
import { connect } from "node:tls";
import fc from "fast-check";
import { FINDINGS_SHOWN_MAX } from "#operator/admission/server/verdict.ts";
import { ClusterUnavailable } from "#operator/admission/server/webhook.ts";
import { makeAuthority, makeClientCertificate } from "#runtime/certificate/make.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import {
  DAY_MS,
  allowed,
  answering,
  ask,
  authority,
  certificateBy,
  openPort,
  responseIn,
  review,
} from "./support/admission-port.ts";

const finding = (at: number) => ({
  field: `spec.containers[${at}].securityContext.privileged`,
  rule: "privileged",
  message: "a privileged container sees past the gateway",
  fix: "remove it",
});

test("an answer says what the verdict says, under the uid of the question", async () => {
  const patch = [{ op: "add", path: "/spec/hostUsers", value: false }] as const;
  await using port = await openPort({
    mutatePods: answering({ outcome: "allowed", patch, warnings: ["runs as uid 10001"] }),
    validatePods: answering({ outcome: "refused", findings: [finding(0)] }),
  });
  const yes = responseIn(await ask(port.server, { body: review() }));
  assert.equal(yes.uid, "705ab4f5-6393-11e8-b7cc-42010a800002");
  assert.equal(yes.allowed, true);
  assert.equal(yes.patchType, "JSONPatch");
  assert.deepEqual(JSON.parse(Buffer.from(yes.patch ?? "", "base64").toString()), patch);
  assert.deepEqual(yes.warnings, ["runs as uid 10001"]);

  const no = responseIn(await ask(port.server, { path: "/validate/pods?timeout=5s", body: review() }));
  assert.equal(no.allowed, false);
  assert.equal(no.patch, undefined);
  assert.equal(no.status?.code, 403);
  assert.equal(
    no.status?.message,
    "spec.containers[0].securityContext.privileged: a privileged container sees past the gateway. Fix: remove it",
  );
  assert.deepEqual(no.status?.details?.causes, [
    {
      reason: "privileged",
      field: "spec.containers[0].securityContext.privileged",
      message: "a privileged container sees past the gateway. Fix: remove it",
    },
  ]);
  const page = await port.registry.metrics();
  assert.match(page, /reviews_total\{webhook="mutatePods",outcome="allowed",reason=""\} 1/);
  assert.match(page, /reviews_total\{webhook="validatePods",outcome="refused",reason=""\} 1/);
  assert.match(page, /findings_total\{webhook="validatePods",rule="privileged"\} 1/);
});

test("of many findings people read the first, and machines have them all", async () => {
  const findings = Array.from({ length: 30 }, (_, at) => finding(at));
  await using port = await openPort({ mutatePods: answering({ outcome: "refused", findings }) });
  const { status } = responseIn(await ask(port.server, { body: review() }));
  assert.match(status?.message ?? "", /^30 things stand in the way\n- spec\.containers\[0\]/);
  assert.equal(status?.message.match(/^- /gm)?.length, FINDINGS_SHOWN_MAX);
  assert.match(status?.message ?? "", /and 20 more/);
  assert.equal(status?.details?.causes.length, 30);
});

test("what cannot be judged is not let through, and says why without saying what", async () => {
  const secret = "hunter2-in-a-pod";
  await using port = await openPort(
    {
      mutatePods: { isFor: () => true, judge: () => Promise.withResolvers<never>().promise },
      validatePods: {
        isFor: () => true,
        judge: async ({ object }) => {
          throw new TypeError(`cannot read ${Object.keys(object ?? {}).length} members`);
        },
      },
      validateKinds: {
        isFor: () => true,
        judge: async () => {
          throw new ClusterUnavailable("no answer from the API server");
        },
      },
    },
    { limits: { deadlineMs: 50 } },
  );
  const body = review({ object: { spec: { containers: [{ env: [{ name: "PASSWORD", value: secret }] }] } } });
  for (const [path, code, words] of [
    ["/mutate/pods", 504, /could not be judged in time.*Try again/],
    ["/validate/pods", 500, /a fault of its own/],
    ["/validate/kinds", 503, /could not be read from the API server/],
  ] as const) {
    const { allowed: isAllowed, status } = responseIn(await ask(port.server, { path, body }));
    assert.equal(isAllowed, false);
    assert.equal(status?.code, code);
    assert.match(status?.message ?? "", words);
  }
  const other = responseIn(
    await ask(port.server, {
      path: "/mutate/workloads",
      body: review({ resource: { group: "", version: "v1", resource: "configmaps" } }),
    }),
  );
  assert.equal(other.allowed, false);
  assert.match(other.status?.message ?? "", /was altered/);
  assert.match(port.logged(), /a webhook failed/);
  assert.ok(!port.logged().includes(secret));
});

test("a judgement that is late is told to stop", async () => {
  const stopped = Promise.withResolvers<unknown>();
  await using port = await openPort(
    {
      mutatePods: {
        isFor: () => true,
        judge: (_review, signal) => {
          signal.addEventListener("abort", () => stopped.resolve(signal.reason));
          return Promise.withResolvers<never>().promise;
        },
      },
    },
    { limits: { deadlineMs: 20 } },
  );
  await ask(port.server, { body: review() });
  assert.equal(((await stopped.promise) as Error).name, "TimeoutError");
});

test("what is no review is turned away, whatever it is", async () => {
  await using port = await openPort({});
  for (const [asked, status] of [
    [{ body: "{" }, 400],
    [{ body: "" }, 400],
    [{ body: review().replace("admission.k8s.io/v1", "admission.k8s.io/v1beta1") }, 400],
    [{ body: review({ uid: "" }) }, 400],
    [{ body: review({ operation: "PATCH" }) }, 400],
    [{ body: review({ object: [] }) }, 400],
    [{ body: review({ userInfo: { username: "alice", groups: [7] } }) }, 400],
    [{ body: '{"__proto__": {"polluted": true}}' }, 400],
    [{ body: review(), headers: { "content-type": "text/plain" } }, 415],
    [{ body: review(), path: "/mutate" }, 404],
    [{ body: review(), method: "PUT" }, 405],
    [{ method: "GET" }, 405],
    [{ body: Buffer.alloc(7 * 1_048_576 + 1, " ") }, 413],
  ] as const) {
    const heard = await ask(port.server, asked).catch((error: unknown) => error);
    // The end of a body that nobody reads may meet a connection that is closed already.
    if (status === 413 && heard instanceof Error) continue;
    assert.equal((heard as { status: number }).status, status, JSON.stringify(asked).slice(0, 200));
  }
  assert.equal(responseIn(await ask(port.server, { body: review() })).allowed, true);
  assert.match(await port.registry.metrics(), /turned_away_total\{reason="type"\} 1/);
});

test("a body without a length is not begun", async () => {
  await using port = await openPort({});
  const socket = connect({ host: "127.0.0.1", port: port.server.port, ca: authority.certificatePem });
  socket.write(
    "POST /mutate/pods HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
  );
  const [head] = (await once(socket, "data")) as [Buffer];
  assert.match(head.toString(), /^HTTP\/1\.1 411 /);
  socket.destroy();
});

test("random bodies get an answer, and never their own words back", async () => {
  await using port = await openPort({});
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const members = fc.record(
    {
      apiVersion: fc.constantFrom("admission.k8s.io/v1", "v1"),
      kind: fc.constantFrom("AdmissionReview", "Pod"),
      request: fc.oneof(
        fc.jsonValue(),
        fc
          .jsonValue()
          .map((value) => (JSON.parse(review({ object: value })) as { request: unknown }).request),
        fc
          .jsonValue()
          .map((value) => (JSON.parse(review({ userInfo: value })) as { request: unknown }).request),
      ),
    },
    { requiredKeys: [] },
  );
  const bodies = fc.oneof(
    fc.string({ unit: "binary" }),
    members.map((value) => JSON.stringify(value)),
  );
  try {
    await fc.assert(
      fc.asyncProperty(bodies, async (text) => {
        const canary = "canary-4711";
        const { status, text: said } = await ask(port.server, { body: `${text}${canary}`, agent });
        assert.equal(status, 400);
        assert.ok(!said.includes(canary));
        const heard = await ask(port.server, { body: text, agent });
        assert.ok(heard.status === 400 || heard.status === 200, String(heard.status));
      }),
      { numRuns: fuzzRuns(100), ...fuzzSeed() },
    );
  } finally {
    agent.destroy();
  }
  assert.ok(!port.logged().includes("canary"));
});

test("when it is full it says so at once, and takes more when it is not", async () => {
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  await using port = await openPort(
    {
      mutatePods: {
        isFor: () => true,
        judge: async () => {
          begun.resolve();
          await gate.promise;
          return allowed;
        },
      },
    },
    { limits: { reviewsInFlight: 1 } },
  );
  const first = ask(port.server, { body: review() });
  await begun.promise;
  assert.equal((await ask(port.server, { body: review() })).status, 503);
  gate.resolve();
  assert.equal((await first).status, 200);
  assert.equal((await ask(port.server, { body: review() })).status, 200);
});

test("whoever sends too slowly is cut off: in the handshake, the head and the body", async () => {
  await using port = await openPort(
    {},
    { limits: { handshakeMs: 1_000, headMs: 1_000, bodyMs: 1_000, idleMs: 60_000 } },
  );
  const cut = async (socket: Socket, begin: Buffer | string): Promise<void> => {
    socket.on("error", () => undefined).resume();
    if (begin.length > 0) socket.write(begin);
    await new Promise((resume) => void socket.on("close", resume));
  };
  const connectTls = () =>
    connect({ host: "127.0.0.1", port: port.server.port, ca: authority.certificatePem });
  const head = "POST /mutate/pods HTTP/1.1\r\nhost: x\r\n";
  await Promise.all([
    cut(connectTcp(port.server.port, "127.0.0.1"), ""),
    // A ClientHello that never goes on.
    cut(connectTcp(port.server.port, "127.0.0.1"), Buffer.from("1603010200010001fc0303", "hex")),
    cut(connectTls(), head),
    cut(connectTls(), `${head}content-type: application/json\r\ncontent-length: 100\r\n\r\n{`),
  ]);
  assert.equal((await ask(port.server, { body: review() })).status, 200);
});

test("a connection that is opened ahead of need is there when it is needed", async () => {
  // Go opens one whenever a request waits, and uses whichever is free first; the other one lies there.
  const limits = { headMs: 60_000, bodyMs: 1_000, handshakeMs: 1_000 };
  await using port = await openPort({}, { limits });
  const socket = connect({ host: "127.0.0.1", port: port.server.port, ca: authority.certificatePem });
  using _ = { [Symbol.dispose]: () => void socket.destroy() };
  await once(socket, "secureConnect");
  // Long past every other limit: node looks at its connections once a second.
  for (let round = 0; round < 5; round += 1) {
    await new Promise((resume) => setTimeout(resume, 500));
    assert.equal((await ask(port.server, { body: review() })).status, 200);
  }
  const body = review();
  socket.write(
    `POST /mutate/pods HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  const [head] = (await once(socket, "data")) as [Buffer];
  assert.match(head.toString(), /^HTTP\/1\.1 200 /);
});

for (const [what, sent] of [
  ["nothing", ""],
  ["half a head", "POST /mutate/pods HTTP/1.1\r\nhost:"],
  [
    "half a body",
    "POST /mutate/pods HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
  ],
] as const)
  test(`it ends although somebody who has sent ${what} stays`, async () => {
    const limits = { headMs: 60_000, bodyMs: 1_000, handshakeMs: 60_000 };
    await using port = await openPort({}, { limits });
    const socket = connect({ host: "127.0.0.1", port: port.server.port, ca: authority.certificatePem });
    using _ = { [Symbol.dispose]: () => void socket.destroy() };
    socket.on("error", () => undefined).resume();
    const cut = new Promise((resume) => void socket.on("close", resume));
    await once(socket, "secureConnect");
    if (sent !== "") socket.write(sent);
    // It is known there: what came after it is answered.
    assert.equal((await ask(port.server, { body: review() })).status, 200);
    await Promise.all([port.server[Symbol.asyncDispose](), cut]);
  });

test("it ends although somebody has not even begun to shake hands", async () => {
  await using port = await openPort({}, { limits: { handshakeMs: 60_000 } });
  const socket = connectTcp(port.server.port, "127.0.0.1");
  using _ = { [Symbol.dispose]: () => void socket.destroy() };
  socket.on("error", () => undefined).resume();
  await once(socket, "connect");
  assert.equal((await ask(port.server, { body: review() })).status, 200);
  const cut = new Promise((resume) => void socket.on("close", resume));
  await Promise.all([port.server[Symbol.asyncDispose](), cut]);
});

test("where a client certificate is asked for, only the API server's own gets an answer", async () => {
  const callers = makeAuthority("API servers", Date.now(), DAY_MS);
  const identity = (by: typeof callers, name: string) =>
    makeClientCertificate(by, { commonName: name, organizations: [] }, Date.now(), DAY_MS);
  await using port = await openPort(
    {},
    {
      certificate: { ...certificateBy(authority), callersCaPem: callers.certificatePem },
      callers: ["kube-apiserver"],
    },
  );
  const answered = async (who?: ReturnType<typeof identity>) =>
    (await ask(port.server, { body: review(), ...(who === undefined ? {} : { identity: who }) })).status;
  assert.equal(await answered(identity(callers, "kube-apiserver")), 200);
  assert.equal(await answered(identity(callers, "somebody-else")), 403);
  assert.equal(await answered(identity(authority, "kube-apiserver")), 403);
  assert.equal(await answered(), 403);
  const page = await port.registry.metrics();
  assert.match(page, /callers_total\{caller="verified"\} 1/);
  assert.match(page, /callers_total\{caller="unverified"\} 3/);
});

test("a new certificate is shown to new connections, and open ones go on", async () => {
  const next = makeAuthority("the next authority", Date.now(), DAY_MS);
  await using port = await openPort({});
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    assert.equal((await ask(port.server, { body: review(), agent })).status, 200);
    port.server.use(certificateBy(next));
    assert.equal((await ask(port.server, { body: review(), agent })).status, 200);
    await assert.rejects(ask(port.server, { body: review() }), /self-signed|unable to verify|signature/);
    const socket = connect({ host: "127.0.0.1", port: port.server.port, ca: next.certificatePem });
    await once(socket, "secureConnect");
    socket.destroy();
  } finally {
    agent.destroy();
  }
});

test("while it drains it answers, and asks callers to connect elsewhere", async () => {
  await using port = await openPort({});
  const agent = new Agent({ keepAlive: true });
  try {
    assert.equal((await ask(port.server, { body: review(), agent })).headers["connection"], "keep-alive");
    port.server.drain();
    const heard = await ask(port.server, { body: review(), agent });
    assert.equal(responseIn(heard).allowed, true);
    assert.equal(heard.headers["connection"], "close");
  } finally {
    agent.destroy();
  }
});
