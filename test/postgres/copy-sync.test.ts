/** A Sync in the middle of COPY FROM STDIN is read over, unless the COPY has failed by then: which of both only the server knows. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { message } from "#core/wire/postgres/fields.ts";
import { connect } from "#tools/postgres/client.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { passwordClient } from "./support/direct.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { B, brief, E, H, P, Q, S, type WireClient, wireClient } from "./support/wire.ts";

const data = (text: string): Buffer => message("d", Buffer.from(text));
const DONE = message("c");
const COPY = "copy numbers from stdin";
const extended = [P(COPY), B(), E()];

/** What is sent at once, then what follows when the server has asked for data; the last ReadyForQuery that is waited for. */
const exchanges: Readonly<Record<string, readonly [readonly Buffer[], readonly Buffer[], number]>> = {
  "bad data, and a Sync without CopyDone": [[...extended, H], [data("bad\n"), S], 1],
  "the same in one breath": [[...extended, data("bad\n"), S], [], 1],
  "the same, and a query behind it": [[...extended, H], [data("bad\n"), S, Q("select 1")], 2],
  "the same after a simple query": [[Q(COPY)], [data("bad\n"), S], 2],
  "a Sync before any data": [[...extended, S], [data("1\n"), DONE, S], 1],
  "a Sync before any data, which is bad": [[...extended, S], [data("bad\n"), S], 1],
  "a Sync between data": [[...extended, H], [data("1\n"), S, data("2\n"), DONE, S], 1],
  "a Sync between data and its end": [[...extended, H], [data("1\n"), S, DONE, S], 1],
};

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let server: PostgresServer;
    let gateway: Gateway;
    before(async () => {
      server = await startPostgres({ version, tcp: true });
      await using admin = await connect(server);
      await admin.query("create table numbers (n int)");
      gateway = await startGateway({ server });
    });
    after(async () => {
      await gateway?.[Symbol.asyncDispose]();
      await server?.[Symbol.asyncDispose]();
    });
    const heardBy = async (client: WireClient, name: string): Promise<string> => {
      const [first, then, readies] = exchanges[name] ?? [[], [], 0];
      client.send(...first);
      let heard = then.length === 0 ? [] : await client.until(({ type }) => type === "G");
      client.send(...then);
      for (let count = 0; count < readies; count += 1) heard = [...heard, ...(await client.untilReady())];
      const words = brief(heard);
      client.send(Q("select 2"));
      return `${words} | ${brief(await client.untilReady())}`;
    };

    for (const name of Object.keys(exchanges))
      test(name, async () => {
        const direct = await passwordClient(server);
        const through = await wireClient(gateway.port);
        assert.equal(await heardBy(through, name), await heardBy(direct, name));
        direct.close();
        through.close();
      });
  });
