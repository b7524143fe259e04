/** A socket that reads into the buffer which all share is a socket like any other: what it hears, when it waits, how it ends. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls";
import { readSome } from "#sidecar/protocols/reading.ts";
import { onBytes, sharing, sharingSocket } from "#sidecar/protocols/shared-reads.ts";
import { makeAuthority } from "#test/support/certificates.ts";
import { until } from "../gateway/support/in-process.ts";
import { type Pair, openPair } from "./support/pair.ts";

const never = new AbortController().signal;

/** As one text, as long as it grows. */
function heard(socket: Socket): { text: string } {
  const said = { text: "" };
  onBytes(socket, (bytes) => {
    said.text += bytes.toString("latin1");
  });
  return said;
}

test("this Node.js moves a connection to a socket that shares, and hands over what comes at once", async (context) => {
  for (const { ours, peer } of [await openPair(context), await openPair(context, "accepted")]) {
    const said = heard(ours);
    // What goes through the stream is heard by whoever listens to it as well.
    let streamed = 0;
    ours.on("data", () => (streamed += 1));
    ours.resume();
    peer.write("hello");
    await until(() => said.text === "hello");
    assert.equal(streamed, 0, "docs/decisions/0058: reads are not shared, only correct");
  }
});

test("an accepted connection is another socket, and the one it came by is gone", async (context) => {
  const { ours, peer, accepted, server } = await openPair(context, "accepted");
  assert.notEqual(ours, accepted);
  assert.ok(accepted.destroyed);
  assert.equal(await new Promise((resolve) => server.getConnections((_, count) => resolve(count))), 0);
  ours.write("still there");
  assert.equal((await once(peer, "data")).toString(), "still there");
  assert.equal(ours.remotePort, peer.localPort);
  assert.equal(ours.bytesWritten, 11);
  const said = heard(ours);
  ours.resume();
  peer.write("four");
  await until(() => said.text === "four" && ours.bytesRead === 4);
});

test("what came before a connection was moved comes first, its end too", async (context) => {
  const { accepted, peer } = await openPair(context, "as it is");
  peer.end("early");
  await until(() => accepted.readableLength === 5);
  const ours = sharing(accepted);
  const said = heard(ours);
  ours.resume();
  await once(ours, "end");
  assert.equal(said.text, "early");
  ours.end("answered all the same");
  assert.equal((await once(peer, "data")).toString(), "answered all the same");
});

test("a socket that is closed, or was never open, stays what it is", async (context) => {
  const { accepted } = await openPair(context, "as it is");
  accepted.destroy();
  assert.equal(sharing(accepted), accepted);
  const unconnected = new Socket();
  assert.equal(sharing(unconnected), unconnected);
});

test("one that does not share is heard as ever", async (context) => {
  const { accepted, peer } = await openPair(context, "as it is");
  const said = heard(accepted);
  accepted.resume();
  peer.write("plain");
  await until(() => said.text === "plain");
});

test("read step by step, and then as it comes", async (context) => {
  const { ours, peer } = await openPair(context, "accepted");
  peer.write("onetwothree");
  assert.equal((await readSome(ours, never, 3))?.toString(), "one");
  ours.unshift(Buffer.from("again "));
  const said = heard(ours);
  ours.resume();
  await until(() => said.text === "again twothree");
  peer.write(" four");
  await until(() => said.text === "again twothree four");
});

test("while it waits nothing is heard, and its peer has to wait as well", async (context) => {
  const { ours, peer } = await openPair(context, "accepted");
  const said = heard(ours);
  ours.pause();
  const sent = "x".repeat(16 * 1024 * 1024);
  let isTaken = false;
  peer.write(sent, () => {
    isTaken = true;
  });
  // As long as something else takes that goes the same way.
  const other = await openPair(context, "accepted");
  const otherSaid = heard(other.ours);
  other.ours.resume();
  other.peer.write(sent);
  await until(() => otherSaid.text.length === sent.length);
  assert.equal(said.text, "");
  assert.equal(isTaken, false);
  ours.resume();
  await until(() => said.text.length === sent.length);
  await until(() => isTaken);
});

test("paused from within, it hears no more until it is resumed", async (context) => {
  const { ours, peer } = await openPair(context);
  let said = "";
  onBytes(ours, (bytes) => {
    said += bytes.toString("latin1");
    ours.pause();
  });
  ours.resume();
  peer.write("one");
  await until(() => said === "one");
  peer.write("two");
  await until(() => peer.writableLength === 0);
  const other = await openPair(context);
  const otherSaid = heard(other.ours);
  other.ours.resume();
  other.peer.write("went by");
  await until(() => otherSaid.text === "went by");
  assert.equal(said, "one");
  ours.resume();
  await until(() => said === "onetwo");
});

const ENDS: Readonly<Record<string, (pair: Pair) => Promise<void>>> = {
  "a peer that has said all may still be answered": async ({ ours, peer }) => {
    peer.end("bye");
    await once(ours, "end");
    assert.equal(ours.writable, true);
    const closed = once(ours, "close");
    ours.end("so be it");
    assert.equal((await once(peer, "data")).toString(), "so be it");
    await closed;
  },
  "a reset is an error": async ({ ours, peer }) => {
    peer.resetAndDestroy();
    const [error] = (await once(ours, "error")) as [NodeJS.ErrnoException];
    assert.equal(error.code, "ECONNRESET");
    assert.ok(ours.destroyed);
  },
  "destroyed from within, it hears nothing more": async ({ ours, peer }) => {
    let calls = 0;
    onBytes(ours, () => {
      calls += 1;
      ours.destroy();
    });
    peer.on("error", () => undefined);
    peer.write("x".repeat(1024 * 1024));
    await once(ours, "close");
    assert.equal(calls, 1);
  },
};

for (const [what, happens] of Object.entries(ENDS))
  for (const how of ["connected", "accepted"] as const)
    test(`${what}, ${how}`, async (context) => {
      const pair = await openPair(context, how);
      const caught = once(pair.ours, "error").catch(() => undefined);
      heard(pair.ours);
      pair.ours.resume();
      await happens(pair);
      void caught;
    });

test("TLS over a connection that was moved", async (context) => {
  const authority = makeAuthority();
  const { certPem, keyPem } = authority.issue("DNS:localhost");
  const { ours, peer } = await openPair(context, "accepted");
  const secureContext = createSecureContext({ cert: certPem, key: keyPem });
  const server = new TLSSocket(ours, { isServer: true, secureContext });
  const client = connectTls({ socket: peer, ca: authority.certPem, servername: "localhost" });
  await once(client, "secureConnect");
  const said = heard(server);
  server.resume();
  const sent = "over TLS ".repeat(20_000);
  client.write(sent);
  await until(() => said.text === sent);
});

test("a unix socket that was moved", async (context) => {
  const path = join(tmpdir(), `sallyport-reads-${process.pid}.sock`);
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(path);
  await once(server, "listening");
  const peer = connect(path);
  const [accepted] = (await once(server, "connection")) as [Socket];
  const ours = sharing(accepted);
  context.after(() => {
    peer.destroy();
    ours.destroy();
    server.close();
  });
  assert.notEqual(ours, accepted);
  const said = heard(ours);
  ours.resume();
  peer.write("by file");
  await until(() => said.text === "by file");
});

test("a connection that cannot be had is an error as ever", async () => {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  const socket = sharingSocket({}).connect({ host: "127.0.0.1", port });
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
  assert.equal(error.code, "ECONNREFUSED");
});
