/** Sessions whose every read is written over at once by somebody else's: none of it is asked, judged, recorded or shown. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import type { ColumnMask } from "#core/policy/decision.ts";
import { onBytes } from "#sidecar/protocols/shared-reads.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { connect as connectAdmin } from "#tools/postgres/client.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import { type Gateway, startGateway } from "../postgres/support/gateway.ts";
import { Q, wireClient } from "../postgres/support/wire.ts";
import { openPair } from "./support/pair.ts";

const LEAK = "LEAKED!!";
const NOTE: ColumnMask = { schema: "public", table: "letters", column: "note", action: "redact" };
/** Rows of them come in pieces, and are held while they are masked. */
const LONG_BYTES = 300_000;

/** Fills the whole buffer with it, again and again. Answers how often it has. */
async function makeNoise(end: { after(close: () => void): void }): Promise<() => number> {
  const { ours, peer } = await openPair(end);
  const noise = Buffer.alloc(64 * 1024, LEAK);
  let times = 0;
  onBytes(ours, () => {
    times += 1;
    if (ours.bytesRead % noise.length === 0) peer.write(noise);
  });
  ours.resume();
  peer.write(noise);
  return () => times;
}

async function connected(port: number): Promise<InstanceType<typeof pg.Client>> {
  const client = new pg.Client({ host: "127.0.0.1", port, user: "agent", database: "postgres" });
  await client.connect();
  return client;
}

describe("beside one who writes over everything", { skip: skipWithoutPostgres(18) }, () => {
  let server: PostgresServer;
  let gateway: Gateway;
  before(async () => {
    server = await startPostgres({ version: 18, tcp: true, settings: { fsync: "off" } });
    await using admin = await connectAdmin({ socketFolder: server.socketFolder, port: server.port });
    await admin.query(`
      create table letters (id int primary key, body text, note text);
      insert into letters select n, repeat(chr(96 + n), ${LONG_BYTES}), 'note ' || n from generate_series(1, 3) n`);
    // What is decided is waited for, so that every text is kept for a turn or more.
    gateway = await startGateway({ server, later: true, obligations: { mask: [NOTE] } });
  });
  after(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test("texts, values and masked rows are each session's own", async (context) => {
    const times = await makeNoise(context);
    const sessions = Array.from({ length: 3 }, async (_, index) => {
      const client = await connected(gateway.port);
      const letter = String.fromCharCode(97 + index);
      const asked: string[] = [];
      const ask = async (text: string, values?: unknown[], name?: string): Promise<readonly unknown[]> => {
        asked.push(text);
        const query = {
          text,
          ...(values === undefined ? {} : { values }),
          ...(name === undefined ? {} : { name }),
        };
        return (await client.query(query)).rows;
      };
      for (let round = 0; round < 3; round += 1) {
        const long = letter.repeat(100_000 + round);
        const short = await ask(`select ${round} as "${letter}"`);
        assert.deepEqual(short, [{ [letter]: round }]);
        assert.deepEqual(await ask(`select '${long}' as said`), [{ said: long }]);
        assert.deepEqual(await ask("select $1::text as said", [long]), [{ said: long }]);
        assert.deepEqual(await ask(`select $1::text || '${letter}' as kept`, ["x"], "kept"), [
          { kept: `x${letter}` },
        ]);
        const rows = await ask("select body, note from letters where id = $1", [index + 1]);
        assert.deepEqual(rows, [{ body: letter.repeat(LONG_BYTES), note: "***" }]);
      }
      await client.end();
      return asked;
    });
    const asked = (await Promise.all(sessions)).flat();
    const decided = gateway.taps.flatMap((tap) => tap.decided);
    assert.ok(!decided.some((text) => text.includes(LEAK)));
    // What was judged, and would be recorded, is what was asked. (A statement with a name is asked once for each of its runs.)
    assert.deepEqual([...new Set(decided)].toSorted(), [...new Set(asked)].toSorted());
    assert.ok(times() > 100, `${times()} times`);
  });

  test("a message that comes byte by byte is whole, and so is a client's that reads nothing for a while", async (context) => {
    await makeNoise(context);
    const client = await wireClient(gateway.port);
    const text = "select repeat('slow', 3) as said";
    for (const byte of Q(text)) {
      client.send(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    const heard = await client.untilReady();
    assert.ok(Buffer.concat(heard.map(({ bytes }) => bytes)).includes("slowslowslow"));
    assert.equal(gateway.tap.decided.at(-1), text);
    client.socket.pause();
    client.send(Q("select repeat('z', 4000000) as said, n from generate_series(1, 4) n"));
    // Long after everything between the two is full.
    for (let turn = 0; turn < 500; turn += 1) await new Promise(setImmediate);
    client.socket.resume();
    const rows = (await client.untilReady()).filter(({ type }) => type === "D");
    const wanted = "z".repeat(4_000_000);
    assert.equal(rows.length, 4);
    for (const { bytes } of rows) assert.equal(bytes.toString("latin1", 11, 11 + wanted.length), wanted);
    client.close();
  });
});
