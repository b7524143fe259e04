/**
 * Statements and portals that the server knows and the session never named: code that a rule lets pass may leave some behind. None
 * is run, or shown, without having been judged; and who merely names what does not exist hears the server's own words.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connect } from "#tools/postgres/client.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import { mask } from "#test/catalog/support/world.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { allowAll, type Gateway, type GatewayOptions, type Judge, startGateway } from "./support/gateway.ts";
import { B, brief, E, errorOf, H, Q, S, valuesOf, type WireClient, wireClient } from "./support/wire.ts";

const SETUP = `
  create table people as select 'Canary@x'::text as email;
  create table plain as select 7 as id;
  create function leave_cursor() returns refcursor language plpgsql as $$
    declare c refcursor := 'left_open'; begin open c for select email from people; return c; end $$;
  create function leave_prepared() returns int language plpgsql as $$
    begin execute 'prepare left_prepared as select email from people'; return 1; end $$;`;

/** Rules that name the table `plain` and both functions. */
const onlyPlain: Judge = ({ doubts, accesses }) =>
  doubts[0]?.text ??
  (accesses.some(({ relation }) => relation?.name === "people") ? "not people" : undefined);

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let server: PostgresServer;
    before(async () => {
      server = await startPostgres({ version, tcp: true });
      await using admin = await connect(server);
      await admin.query(SETUP);
    });
    after(() => server?.[Symbol.asyncDispose]());
    const open = (options: Partial<GatewayOptions> = {}): Promise<Gateway> =>
      startGateway({ server, judge: onlyPlain, ...options });
    const shown = async (client: WireClient, ...messages: readonly Buffer[]): Promise<[string, string[]]> => {
      client.send(...messages);
      const heard = await client.untilReady();
      return [
        brief(heard),
        heard.filter(({ type }) => type === "D").flatMap((row) => valuesOf(row).map(String)),
      ];
    };
    /** What the function gives is not shown, so that nothing of it has to be masked. */
    const leaveBehind = async (client: WireClient, call: string): Promise<void> => {
      assert.equal(await client.talk(Q("begin")), "C(BEGIN) Z(T)");
      const [heard] = await shown(client, Q(`select id from plain where ${call} is not null`));
      assert.equal(heard, "T D C(SELECT 1) Z(T)");
    };

    test("a cursor that a function has left open is not fetched from by its name", async () => {
      await using gateway = await open();
      const client = await wireClient(gateway.port);
      await leaveBehind(client, "leave_cursor()");
      assert.deepEqual(await shown(client, E("left_open"), S), ["E(42501) Z(E)", []]);
      // It stands on record, as something without a text.
      assert.equal(gateway.tap.decided.at(-1), "");
    });

    test("nor is a statement run that a function has prepared, however its messages come", async () => {
      const run = [B("", "left_prepared"), E()];
      for (const messages of [
        [...run, S],
        [B("p", "left_prepared"), H, E("p"), S],
      ]) {
        await using gateway = await open();
        const client = await wireClient(gateway.port);
        await leaveBehind(client, "leave_prepared()");
        assert.deepEqual(await shown(client, ...messages), ["2 E(42501) Z(E)", []]);
      }
      await using gateway = await open();
      const client = await wireClient(gateway.port);
      await leaveBehind(client, "leave_prepared()");
      client.send(B("p", "left_prepared"), S);
      assert.equal(brief(await client.untilReady()), "2 Z(T)");
      assert.deepEqual(await shown(client, E("p"), S), ["E(42501) Z(E)", []]);
    });

    test("nor where something is masked", async () => {
      await using gateway = await open({ obligations: { mask: [mask("public.people.email")] } });
      const client = await wireClient(gateway.port);
      await leaveBehind(client, "leave_cursor()");
      assert.deepEqual(await shown(client, E("left_open"), S), ["E(42501) Z(E)", []]);
    });

    test("where everything passes they do, too", async () => {
      await using gateway = await open({ judge: allowAll });
      const client = await wireClient(gateway.port);
      await leaveBehind(client, "leave_cursor()");
      assert.deepEqual(await shown(client, E("left_open"), S), ["D C(SELECT 1) Z(T)", ["Canary@x"]]);
      await client.talk(Q("rollback"));
      await leaveBehind(client, "leave_prepared()");
      const run = [B("", "left_prepared"), E(), S];
      assert.deepEqual(await shown(client, ...run), ["2 D C(SELECT 1) Z(T)", ["Canary@x"]]);
    });

    test("what does not exist is said so by the server, and is no request", async () => {
      await using gateway = await open();
      const client = await wireClient(gateway.port);
      const expected: readonly (readonly [readonly Buffer[], string, string])[] = [
        [[B("", "nobody"), E(), S], "26000", 'prepared statement "nobody" does not exist'],
        [[B("", ""), E(), S], "26000", "unnamed prepared statement does not exist"],
        [[E("nobody"), S], "34000", 'portal "nobody" does not exist'],
        [[E(""), S], "34000", 'portal "" does not exist'],
      ];
      for (const [messages, code, text] of expected) {
        client.send(...messages);
        const heard = await client.untilReady();
        assert.equal(brief(heard), `E(${code}) Z(I)`);
        assert.equal(errorOf(heard).get("M"), text);
      }
      assert.deepEqual(gateway.tap.decided, []);
      assert.deepEqual(await shown(client, Q("select id from plain")), ["T D C(SELECT 1) Z(I)", ["7"]]);
    });
  });
