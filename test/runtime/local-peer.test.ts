import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Socket, connect, createServer } from "node:net";
import { test } from "node:test";
import { type OwnerLookUp, ownersByTables, ownersIn, ownersOfPeers } from "#runtime/local-peer.ts";
import { canTellOwners, peerOwner } from "#runtime/native/sockets.ts";

async function pair(host: string, client = host, localPort?: number): Promise<readonly [Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const ours = connect({
    port,
    host: client,
    allowHalfOpen: true,
    ...(localPort === undefined ? {} : { localPort }),
  });
  const [theirs] = (await once(server, "connection")) as [Socket];
  server.close();
  return [theirs, ours];
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

const own = process.getuid?.();
const OTHER_USER = 64_999;

/** What is answered has to be the same whoever of them answers. */
const WAYS: readonly (readonly [string, OwnerLookUp])[] = [
  ["as it is done", ownersOfPeers()],
  ["by one question", async (socket) => peerOwner(socket)],
  ["by the tables", ownersByTables()],
];

for (const [way, ownerOf] of WAYS) {
  test(`${way}, a client of this process is found to be ours, over either family, half closed too`, async () => {
    for (const [host, client] of [
      ["127.0.0.1", "127.0.0.1"],
      ["127.0.0.1", "::ffff:127.0.0.1"],
      ["::1", "::1"],
      ["::", "127.0.0.1"],
      ["::", "::ffff:127.0.0.1"],
    ] as const) {
      const [accepted, other] = await pair(host, client);
      assert.equal(await ownerOf(accepted), own, `${host} from ${client}`);
      other.end();
      accepted.resume();
      await once(accepted, "end");
      assert.equal(await ownerOf(accepted), own, `${host} from ${client}, half closed`);
      accepted.destroy();
      other.destroy();
    }
  });

  test(`${way}, a client that is gone is nobody's, and a closed socket has no client`, async () => {
    const [accepted, other] = await pair("127.0.0.1");
    other.destroy();
    await once(accepted.resume(), "end");
    assert.equal(await ownerOf(accepted), undefined);
    accepted.destroy();
    assert.equal(await ownerOf(accepted), undefined);
  });

  test(`${way}, what only listens at a client's address is not that client`, async () => {
    const port = await freePort();
    const [accepted, other] = await pair("127.0.0.1", "127.0.0.1", port);
    assert.equal(await ownerOf(accepted), own);
    other.destroy();
    await once(accepted.resume(), "end");
    const listener = createServer().listen({ port, host: "127.0.0.1" });
    await once(listener, "listening");
    assert.equal(await ownerOf(accepted), undefined);
    listener.close();
    accepted.destroy();
  });

  test(`${way}, a client of another user is that user's`, {
    skip: own === 0 ? false : "only root can lend another user",
  }, async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const script = `require("node:net").connect(${port}, "127.0.0.1")`;
    const child = spawn(process.execPath, ["-e", script], { uid: OTHER_USER, cwd: "/", stdio: "inherit" });
    const [accepted] = (await once(server, "connection")) as [Socket];
    assert.equal(await ownerOf(accepted), OTHER_USER);
    accepted.destroy();
    server.close();
    await once(child, "exit");
  });
}

test("on this machine the kernel can be asked for one connection", () => {
  assert.equal(canTellOwners(), true);
});

test("many that arrive together are looked up in few readings", async () => {
  let reads = 0;
  const pairs = await Promise.all(Array.from({ length: 20 }, () => pair("127.0.0.1")));
  const { readFile } = await import("node:fs/promises");
  const ownerOf = ownersByTables((path) => {
    reads += 1;
    return readFile(path, "latin1");
  });
  assert.deepEqual(new Set(await Promise.all(pairs.map(([accepted]) => ownerOf(accepted)))), new Set([own]));
  assert.ok(reads <= 4, `${reads} readings`);
  for (const [accepted, other] of pairs) {
    accepted.destroy();
    other.destroy();
  }
});

const HEAD =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const line = (local: string, remote: string, state: string, uid: number, inode = "4711"): string =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 1 0 20 4 30 10 -1\n`;
const theirs = { address: "127.0.0.1", port: 0xc350 };
const ours = { address: "127.0.0.1", port: 0x1920 };
const [THEIRS, OURS] = ["0100007F:C350", "0100007F:1920"];

test("only an open socket of exactly these two ends, held by a process, says whose it is", () => {
  const owners = (text: string) => ownersIn(HEAD + text, theirs, ours);
  assert.deepEqual(owners(line(THEIRS, OURS, "01", 1000)), [1000]);
  // Our own end of it, a port that only listens, another connection of the same client.
  assert.deepEqual(owners(line(OURS, THEIRS, "01", 0)), []);
  assert.deepEqual(owners(line(THEIRS, "00000000:0000", "0A", 1000)), []);
  assert.deepEqual(owners(line(THEIRS, "0100007F:1921", "01", 1000)), []);
  // Closed sockets that wait for their end are shown as root's.
  assert.deepEqual(owners(line(THEIRS, OURS, "06", 0, "0")), []);
  assert.deepEqual(owners(line(THEIRS, OURS, "04", 0, "0")), []);
  assert.deepEqual(owners("garbage\n\n"), []);
});

test("an IPv4 connection is found in the table of either family, one of IPv6 in its own", () => {
  const mapped = (end: string): string => `0000000000000000FFFF0000${end}`;
  assert.deepEqual(ownersIn(HEAD + line(mapped(THEIRS), mapped(OURS), "01", 7), theirs, ours), [7]);
  // No socket has ends of two families.
  assert.deepEqual(ownersIn(HEAD + line(mapped(THEIRS), OURS, "01", 7), theirs, ours), []);
  const [six, seven] = [
    { address: "::1", port: 1 },
    { address: "2001:db8::7", port: 0xffff },
  ];
  const [sixText, sevenText] = [`${"0".repeat(24)}01000000:0001`, "B80D0120000000000000000007000000:FFFF"];
  assert.deepEqual(ownersIn(HEAD + line(sixText, sevenText, "08", 9), six, seven), [9]);
  assert.deepEqual(ownersIn(HEAD + line(sevenText, sixText, "08", 9), six, seven), []);
});

test("one line among very many is found, the last one without its end too", () => {
  const others = Array.from({ length: 50_000 }, (_, index) =>
    line(
      `0100007F:${(index % 65_536).toString(16).toUpperCase().padStart(4, "0")}`,
      "0200007F:1920",
      "01",
      5,
    ),
  ).join("");
  const wanted = line(THEIRS, OURS, "01", 1000);
  assert.deepEqual(ownersIn(HEAD + others + wanted + others, theirs, ours), [1000]);
  assert.deepEqual(ownersIn(HEAD + others + wanted.trimEnd(), theirs, ours), [1000]);
  assert.deepEqual(ownersIn(HEAD + others, theirs, ours), []);
});

test("two answers are none", async () => {
  const [accepted, other] = await pair("127.0.0.1");
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0");
  const [near, far] = [hex(accepted.remotePort ?? 0), hex(accepted.localPort ?? 0)];
  const text = (uid: number): string => line(`0100007F:${near}`, `0100007F:${far}`, "01", uid);
  assert.equal(await ownersByTables(async () => HEAD + text(7))(accepted), 7);
  assert.equal(await ownersByTables(async () => HEAD + text(7) + text(8))(accepted), undefined);
  accepted.destroy();
  other.destroy();
});
