/** What clients of each protocol are told by a gateway that lets nothing through. Real ones, and bytes of any kind. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { request } from "node:http";
import { type Socket, connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import fc from "fast-check";
import pg from "pg";
import { refusal } from "#core/values/refusal.ts";
import { cancelRequest, gssencRequest, sslRequest, startupMessage } from "#core/wire/postgres/startup.ts";
import { type Capture, type Route, openCapture } from "#sidecar/pod/capture.ts";
import type { Farewell } from "#sidecar/pod/converse.ts";
import { spokenIn, voices } from "#sidecar/pod/voices/index.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

const WHY = refusal("BROKER_UNAVAILABLE");

interface Opened extends AsyncDisposable {
  readonly capture: Capture;
  readonly port: number;
  readonly farewells: Farewell[];
  readonly overloads: () => number;
}

async function open(
  limits?: { connectionsMax: number; clientMsMax: number },
  route: () => Promise<Route> = () => Promise.resolve({ kind: "refused", why: WHY }),
): Promise<Opened> {
  const farewells: Farewell[] = [];
  let overloads = 0;
  const capture = await openCapture({
    port: 0,
    route,
    onFarewell: (farewell) => farewells.push(farewell),
    onOverload: () => (overloads += 1),
    onError: (error) => {
      throw error;
    },
    ...(limits === undefined ? {} : { limits }),
  });
  const port = capture.addresses[0]?.port ?? 0;
  const dispose = async (): Promise<void> => capture[Symbol.asyncDispose]();
  return { capture, port, farewells, overloads: () => overloads, [Symbol.asyncDispose]: dispose };
}

function dial(port: number): Socket {
  return connect({ host: "127.0.0.1", port }).on("error", () => undefined);
}

/** All that is said to a client that sends these pieces, one after the other is on its way. */
async function said(port: number, ...pieces: readonly Uint8Array[]): Promise<Buffer> {
  const client = dial(port).setNoDelay(true);
  for (const piece of pieces) client.write(piece);
  return buffer(client);
}

test("a client of PostgreSQL has the code in an error of the server's", async () => {
  await using opened = await open();
  const target = { host: "127.0.0.1", port: opened.port, user: "agent", database: "d" };
  await assert.rejects(new pg.Client(target).connect(), {
    code: "57P03",
    detail: "Refused by the gateway: BROKER_UNAVAILABLE.",
  });
  // Whoever insists on TLS is declined and learns no more: there is no certificate to show.
  await assert.rejects(new pg.Client({ ...target, ssl: { ca: "" } }).connect(), /does not support SSL/);
  await opened.capture.drain();
  assert.deepEqual(opened.farewells[0], { how: "told", spoken: "postgres" });
});

test("a client of HTTP has the code in the body of a 503, and none where none belongs", async () => {
  await using opened = await open();
  const at = `http://127.0.0.1:${opened.port}/v1/x`;
  const response = await fetch(at, { method: "POST", body: "x".repeat(200_000) });
  assert.equal(response.status, 503);
  assert.deepEqual(await response.json(), { code: WHY.code, message: WHY.publicText });
  const head = await fetch(at, { method: "HEAD" });
  assert.equal(head.status, 503);
  assert.equal(await head.text(), "");
});

test("a client that asks a proxy for a tunnel gets none", async () => {
  await using opened = await open();
  const tunnel = request({ host: "127.0.0.1", port: opened.port, method: "CONNECT", path: "db.test:443" });
  const [response] = await once(tunnel.end(), "connect");
  assert.equal(response.statusCode, 503);
});

test("a client of HTTP/2 is told to go away, with the code", async () => {
  await using opened = await open();
  const session = connectHttp2(`http://127.0.0.1:${opened.port}`).on("error", () => undefined);
  const [code, , data] = await once(session, "goaway");
  assert.equal(code, 7);
  assert.match(String(data), /^BROKER_UNAVAILABLE: /);
  session.destroy();
});

test("a client of TLS gets an alert that says denied", async () => {
  await using opened = await open();
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const client = connectTls({ host: "127.0.0.1", port: opened.port, servername: "db.test", maxVersion });
    await assert.rejects(once(client, "secureConnect"), { reason: /alert access denied$/ });
  }
});

test("who speaks nothing that we know, or nothing at all, is reset", async () => {
  await using opened = await open({ connectionsMax: 8, clientMsMax: 150 });
  const other = dial(opened.port);
  other.write("SSH-2.0-OpenSSH_9.2\r\n");
  const [otherError] = await once(other, "error");
  assert.equal(otherError.code, "ECONNRESET");
  const silent = dial(opened.port);
  const [silentError] = await once(silent, "error");
  assert.equal(silentError.code, "ECONNRESET");
  assert.deepEqual(opened.farewells, [
    { how: "reset", spoken: "other" },
    { how: "reset", spoken: "nothing" },
  ]);
});

test("where more come than are carried, who has been led nowhere for longest makes room", async () => {
  await using opened = await open({ connectionsMax: 2, clientMsMax: 60_000 });
  const first = dial(opened.port);
  await once(first, "connect");
  while (opened.capture.openCount < 1) await new Promise(setImmediate);
  const second = dial(opened.port);
  await once(second, "connect");
  while (opened.capture.openCount < 2) await new Promise(setImmediate);
  const refused = once(first, "error");
  assert.match((await said(opened.port, Buffer.from("GET / HTTP/1.1\r\n\r\n"))).toString(), /^HTTP\/1.1 503/);
  assert.equal((await refused)[0].code, "ECONNRESET");
  assert.equal(opened.overloads(), 1);
  assert.equal(second.destroyed, false);
  second.destroy();
});

test("who may yet have a session makes room for nobody: more than are carried are reset", async () => {
  const undecided = Promise.withResolvers<Route>();
  await using opened = await open({ connectionsMax: 2, clientMsMax: 60_000 }, () => undecided.promise);
  const held = [dial(opened.port), dial(opened.port)];
  await Promise.all(held.map((client) => once(client, "connect")));
  while (opened.capture.openCount < 2) await new Promise(setImmediate);
  const [error] = await once(dial(opened.port), "error");
  assert.equal(error.code, "ECONNRESET");
  assert.equal(opened.overloads(), 1);
  undecided.resolve({ kind: "close" });
  while (opened.capture.openCount > 0) await new Promise(setImmediate);
});

test("draining takes no more and still answers who is there", async () => {
  const opened = await open();
  const client = dial(opened.port);
  client.write("GET / HT");
  await once(client, "connect");
  while (opened.capture.openCount === 0) await new Promise(setImmediate);
  const drained = opened.capture.drain();
  const [late] = await once(dial(opened.port), "error");
  assert.equal(late.code, "ECONNREFUSED");
  client.write("TP/1.1\r\n\r\n");
  assert.match((await buffer(client)).toString(), /^HTTP\/1.1 503/);
  await drained;
});

const BEGINNINGS = {
  "a startup": startupMessage(196_608, { user: "agent", database: "d" }),
  "a startup after encryption was asked for": Buffer.concat([
    gssencRequest(),
    sslRequest(),
    startupMessage(196_610, { user: "agent" }),
  ]),
  "a cancel request": cancelRequest(7, Buffer.alloc(4)),
  "a request": Buffer.from("DELETE /x HTTP/1.1\r\n"),
  "HTTP/2": Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
} as const;

for (const [what, bytes] of Object.entries(BEGINNINGS))
  test(`${what} has the same answer wherever it is cut`, async () => {
    await using opened = await open();
    const whole = await said(opened.port, bytes);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const client = dial(opened.port).setNoDelay(true);
      client.write(bytes.subarray(0, cut));
      await once(client, "connect");
      while (opened.capture.openCount === 0) await new Promise(setImmediate);
      client.write(bytes.subarray(cut));
      assert.deepEqual(await buffer(client), whole, `cut at ${cut}`);
    }
  });

test("nobody asks for encryption for ever", async () => {
  await using opened = await open();
  const client = dial(opened.port);
  client.write(Buffer.concat(Array.from({ length: 50 }, sslRequest)));
  const [error] = await once(client, "error");
  assert.equal(error.code, "ECONNRESET");
});

test("what is said is never undecided between two, and is decided early", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const claims = Object.values(voices).filter((voice) => voice.recognises(Buffer.from(bytes)) === true);
      assert.ok(claims.length <= 1);
      // Long enough for the longest mark of all.
      if (bytes.length >= 24) assert.notEqual(spokenIn(Buffer.from(bytes)), undefined);
    }),
    { numRuns: fuzzRuns(2_000), ...fuzzSeed() },
  );
});

test("whatever is sent, the gateway stays and the client is let go", async () => {
  await using opened = await open({ connectionsMax: 64, clientMsMax: 500 });
  const beginning = fc.constantFrom(...Object.values(BEGINNINGS).map((bytes) => bytes.subarray(0, 9)));
  await fc.assert(
    fc.asyncProperty(fc.option(beginning), fc.uint8Array({ maxLength: 300 }), async (start, rest) => {
      const client = dial(opened.port);
      client.end(Buffer.concat([start ?? Buffer.alloc(0), rest]));
      client.resume();
      await new Promise((closed) => client.once("close", closed));
    }),
    { numRuns: fuzzRuns(60), ...fuzzSeed() },
  );
  assert.match((await said(opened.port, Buffer.from("GET / HTTP/1.1\r\n\r\n"))).toString(), /^HTTP\/1.1 503/);
});
