/** Bytes that are relayed as they are: who may connect, how much, and what is on record. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { makeAuthority } from "#test/support/certificates.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Rig, startRig, until } from "./support/in-process.ts";
import { policy } from "./support/kinds.ts";

// The rig of these tests brings a PostgreSQL along.
const real = { skip: skipWithoutPostgres(18) };
const CONNECT = { name: "connect", tcp: {} };

async function listening(context: TestContext, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

interface Relaying {
  readonly port: number;
  readonly tcp?: object;
  readonly policies?: readonly object[];
  readonly reachedAs?: readonly object[];
}

function relaying(context: TestContext, { port, tcp = {}, policies, reachedAs }: Relaying): Promise<Rig> {
  return startRig(context, {
    connection: {
      protocol: "tcp",
      address: { host: "localhost", port },
      credential: { mode: "none" },
      tls: undefined,
      postgres: undefined,
      tcp,
      ...(reachedAs === undefined ? {} : { reachedAs }),
    },
    policies: policies ?? [policy({ allow: [CONNECT] })],
  });
}

/** Answers with what it gets, and says so first. */
const echo = (): Server =>
  createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    socket.write("hello ");
    socket.pipe(socket);
  });

async function everythingFrom(socket: Socket): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of socket as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

async function closing(rig: Rig): Promise<Record<string, unknown>> {
  let found: Record<string, unknown> | undefined;
  await until(async () => {
    found = (await rig.events()).find(({ kind }) => kind === "session.close");
    return found !== undefined;
  });
  return found ?? {};
}

test("both sides are heard to the end, and the bytes are on record", real, async (context) => {
  const rig = await relaying(context, { port: await listening(context, echo()) });
  const client = connect({ port: rig.port, host: "127.0.0.1", allowHalfOpen: true });
  const sent = "x".repeat(3_000_000);
  client.end(sent);
  assert.equal(await everythingFrom(client), `hello ${sent}`);
  const close = await closing(rig);
  assert.equal(close["code"], "CLIENT_CLOSED");
  assert.equal(close["bytesFromClient"], sent.length);
  assert.equal(close["bytesToClient"], sent.length + 6);
  const result = (await rig.events()).find(({ kind }) => kind === "result");
  assert.deepEqual([result?.["ended"], result?.["bytes"]], ["complete", sent.length + 6]);
});

test("without a rule, and under a deny rule, nothing reaches the upstream", real, async (context) => {
  let reached = 0;
  const server = createServer((socket) => {
    reached += 1;
    socket.end("hello");
  });
  const port = await listening(context, server);
  const closed = [
    policy({ allow: [CONNECT] }),
    policy({ allow: undefined, deny: [{ name: "no", tcp: {} }] }, "guard"),
  ];
  for (const policies of [[], closed]) {
    const rig = await relaying(context, { port, policies });
    const client = connect(rig.port, "127.0.0.1");
    await assert.rejects(everythingFrom(client), { code: "ECONNRESET" });
    assert.match(String((await closing(rig))["code"]), /DENY_NO_POLICY|DENY_RULE/);
  }
  assert.equal(reached, 0);
  const rig = await relaying(context, { port });
  assert.equal(await everythingFrom(connect(rig.port, "127.0.0.1")), "hello");
});

test("a session ends where policy limits its bytes, and when policy takes it away", real, async (context) => {
  const port = await listening(context, echo());
  const limited = await relaying(context, {
    port,
    policies: [policy({ allow: [CONNECT], limits: { bytes: 1_000 } })],
  });
  const greedy = connect(limited.port, "127.0.0.1");
  greedy.write("x".repeat(5_000));
  await assert.rejects(everythingFrom(greedy));
  assert.equal((await closing(limited))["code"], "LIMIT_BYTES");

  const rig = await relaying(context, { port });
  const client = connect(rig.port, "127.0.0.1");
  await once(client, "data");
  const reset = assert.rejects(everythingFrom(client), { code: "ECONNRESET" });
  rig.remove("policies.yaml");
  await reset;
  assert.match(String((await closing(rig))["code"]), /DENY_NO_POLICY|POLICY_CHANGED/);
});

test(
  "a client of TLS reaches the server that it names, when it is this connection's, and no other",
  real,
  async (context) => {
    const authority = makeAuthority();
    const { certPem, keyPem } = authority.issue("DNS:localhost", "DNS:shop.example");
    let heard = 0;
    const server = createTlsServer({ cert: certPem, key: keyPem }, (socket) => socket.end("secret"));
    server.on("connection", (socket: Socket) => {
      socket.on("data", () => {
        heard += 1;
      });
    });
    const port = await listening(context, server);
    const rig = await relaying(context, {
      port,
      tcp: { requireTls: true },
      reachedAs: [{ host: "shop.example" }],
    });
    const speak = async (servername: string): Promise<string> => {
      const client = connectTls({ port: rig.port, host: "127.0.0.1", servername, ca: authority.certPem });
      return everythingFrom(client);
    };
    assert.equal(await speak("localhost"), "secret");
    assert.equal(await speak("SHOP.example"), "secret");
    heard = 0;
    await assert.rejects(speak("other.example"));
    const plain = connect(rig.port, "127.0.0.1");
    plain.write("GET / HTTP/1.1\r\n\r\n");
    await assert.rejects(everythingFrom(plain));
    assert.equal(heard, 0, "bytes of a refused client reached the upstream");
  },
);

test("a client that is reset takes its upstream along", real, async (context) => {
  const server = createServer((socket) => socket.write("hello"));
  const port = await listening(context, server);
  const rig = await relaying(context, { port });
  const client = connect(rig.port, "127.0.0.1");
  const [upstream] = (await once(server, "connection")) as [Socket];
  upstream.on("error", () => undefined);
  await once(client, "data");
  client.resetAndDestroy();
  // It hears of it as a reset, which `once` would take for a failure.
  await new Promise((resolve) => upstream.on("close", resolve));
  await until(() => rig.plane.gateway.sessionCount === 0);
});

test("a client that turns to TLS in the middle is not looked at again: a limit", real, async (context) => {
  const rig = await relaying(context, { port: await listening(context, echo()) });
  const client = connect({ port: rig.port, host: "127.0.0.1", allowHalfOpen: true });
  client.write("STARTTLS\r\n");
  await once(client, "data");
  // The first bytes of a greeting, whatever server it names.
  client.end(Buffer.from([0x16, 3, 1, 0, 4, 1, 0, 0, 0]));
  assert.ok((await everythingFrom(client)).includes("\u0016\u0003\u0001"));
});
