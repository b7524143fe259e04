/** Which server a client of TLS means, read from real greetings. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type Socket, createServer } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import fc from "fast-check";
import { CLIENT_HELLO_BYTES_MAX, readFirstBytes } from "#core/wire/tls/client-hello.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

/** What Node's own client says first. */
async function greetingFor(servername: string, more: object = {}): Promise<Buffer> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const client = connectTls({ host: "127.0.0.1", port, servername, rejectUnauthorized: false, ...more });
  client.on("error", () => undefined);
  const [socket] = (await once(server, "connection")) as [Socket];
  const [bytes] = (await once(socket, "data")) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

test("the server's name is read, whatever the version", async () => {
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"]) {
    const bytes = await greetingFor("orders.example.com", { maxVersion });
    assert.deepEqual(readFirstBytes(bytes), { kind: "tls", serverName: "orders.example.com" });
  }
  assert.deepEqual(readFirstBytes(await greetingFor("")), { kind: "tls", serverName: undefined });
});

test("cut at any byte there is nothing to tell yet; with more behind it is the same", async () => {
  const bytes = await greetingFor("orders.example.com");
  for (let cut = 0; cut < bytes.length; cut += 1)
    assert.deepEqual(readFirstBytes(bytes.subarray(0, cut)), { kind: "more" }, `after ${cut} bytes`);
  const more = Buffer.concat([bytes, Buffer.from([0x17, 3, 3, 0, 1, 0])]);
  assert.deepEqual(readFirstBytes(more), { kind: "tls", serverName: "orders.example.com" });
});

test("a greeting that is spread over records is read as one", async () => {
  const bytes = await greetingFor("orders.example.com");
  const handshake = bytes.subarray(5);
  for (const size of [1, 7, 100]) {
    const records: Buffer[] = [];
    for (let at = 0; at < handshake.length; at += size) {
      const part = handshake.subarray(at, at + size);
      records.push(Buffer.from([0x16, 3, 1, part.length >> 8, part.length & 0xff]), part);
    }
    assert.deepEqual(readFirstBytes(Buffer.concat(records)), {
      kind: "tls",
      serverName: "orders.example.com",
    });
  }
});

test("what is no TLS says so with its first byte", () => {
  for (const text of ["GET / HTTP/1.1\r\n", "SSH-2.0-OpenSSH\r\n", "\u0000", "\u0017\u0003\u0003"])
    assert.deepEqual(readFirstBytes(Buffer.from(text, "latin1")), { kind: "not-tls" });
});

test("two names, and lengths that do not fit, are broken", async () => {
  const bytes = await greetingFor("orders.example.com");
  const at = bytes.indexOf("orders.example.com");
  const changed = (offset: number, value: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[offset] = value;
    return copy;
  };
  // The name's own length, that of the list around it, that of the extension.
  for (const offset of [at - 1, at - 4, at - 6]) {
    const read = readFirstBytes(changed(offset, 0xff));
    assert.notDeepEqual(read, { kind: "tls", serverName: "orders.example.com" });
    assert.equal(read.kind, "broken");
  }
  assert.deepEqual(readFirstBytes(changed(5, 2)), { kind: "broken" });
  assert.deepEqual(readFirstBytes(changed(6, 0xff)), { kind: "broken" });
});

test("no bytes make it throw, or wait for more than a greeting may have", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (rest) => {
      const read = readFirstBytes(Uint8Array.of(0x16, 3, 1, ...rest));
      assert.ok(["more", "broken", "tls"].includes(read.kind));
    }),
    { numRuns: fuzzRuns(2_000), ...fuzzSeed() },
  );
  const record = Buffer.from([0x16, 3, 1, 0x3f, 0xff]);
  const claims = (length: readonly number[]): Buffer => Buffer.concat([record, Buffer.from([1, ...length])]);
  assert.deepEqual(readFirstBytes(claims([0xff, 0xff, 0xff])), { kind: "broken" });
  assert.ok(CLIENT_HELLO_BYTES_MAX >= 0xff_ff);
  assert.deepEqual(readFirstBytes(claims([0, 0xff, 0xff])), { kind: "more" });
});
