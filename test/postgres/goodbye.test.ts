/** What a client asked before its goodbye is carried out and answered, as PostgreSQL reads one message after the other. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connect, type Session } from "#tools/postgres/client.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import { mask } from "#test/catalog/support/world.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { passwordClient } from "./support/direct.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { B, brief, E, P, Q, S, valuesOf, type WireClient, wireClient } from "./support/wire.ts";
import { message } from "#core/wire/postgres/fields.ts";

const X = message("X");
const never = (): boolean => false;

describe("PostgreSQL 18", { skip: skipWithoutPostgres(18) }, () => {
  let server: PostgresServer;
  let admin: Session;
  let gateway: Gateway;
  before(async () => {
    server = await startPostgres({ version: 18, tcp: true });
    admin = await connect(server);
    await admin.query("create table people as select 'Canary@x'::text as email; create table kept (n int)");
    gateway = await startGateway({ server, obligations: { mask: [mask("public.people.email")] } });
  });
  after(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await admin?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });
  const kept = async (n: number): Promise<number> =>
    (await admin.query("select n from kept where n = $1", [n])).length;

  const goodbyes: Readonly<Record<string, readonly Buffer[]>> = {
    "nothing else": [X],
    "a query that takes a while": [Q("select pg_sleep(0.2), 7 as n"), X],
    "several, one of which fails": [Q("select 1"), Q("nonsense"), Q("select 2"), X],
    "a group": [P("select $1::text"), B("", "", ["a"]), E(), S, X],
    "a group without its Sync": [P("select 1"), B(), E(), X],
    "something behind it, which nobody reads": [Q("select 1"), X, Q("select 2")],
  };
  for (const [what, messages] of Object.entries(goodbyes))
    test(`a goodbye behind ${what}`, async () => {
      const heardBy = async (client: WireClient): Promise<string> => {
        client.send(...messages);
        return brief(await client.until(never));
      };
      const through = await heardBy(await wireClient(gateway.port));
      assert.equal(through, await heardBy(await passwordClient(server)));
      assert.deepEqual(gateway.ends.at(-1), { by: "client", refusal: undefined });
    });

  test("what is masked is masked in the last answer, too", async () => {
    const client = await wireClient(gateway.port);
    client.send(Q("select email from people"), X);
    const rows = (await client.until(never)).filter(({ type }) => type === "D").map(valuesOf);
    assert.deepEqual(rows, [["***"]]);
  });

  test("whoever hangs up right behind it has asked all the same", async () => {
    const client = await wireClient(gateway.port);
    const before = gateway.ends.length;
    client.socket.end(Buffer.concat([Q("select pg_sleep(0.2); insert into kept values (1)"), X]));
    await gateway.ended(before + 1);
    assert.equal(await kept(1), 1);
  });

  test("but is cancelled where the Connection says so", async () => {
    await using cancelling = await startGateway({ server, postgres: { whenClientCloses: "cancel" } });
    const client = await wireClient(cancelling.port);
    client.socket.end(Buffer.concat([Q("select pg_sleep(60); insert into kept values (2)"), X]));
    await cancelling.ended(1);
    assert.equal(await kept(2), 0);
  });
});
