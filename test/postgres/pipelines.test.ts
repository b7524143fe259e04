/** What a client sends behind something that fails never happens: nothing that is judged later may count on it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ColumnMask } from "#core/policy/decision.ts";
import { connect as connectAdmin } from "#tools/postgres/client.ts";
import { startPostgres, type PostgresServer } from "#tools/postgres/server.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Gateway, type Judge, startGateway } from "./support/gateway.ts";
import { B, C, D, E, P, Q, S, valuesOf, wireClient } from "./support/wire.ts";

const EMAIL: ColumnMask = { schema: "public", table: "people", column: "email", action: "redact" };
const notElsewhere: Judge = ({ accesses }) =>
  accesses.some(({ relation }) => relation?.schema === "elsewhere") ? "not from elsewhere" : undefined;

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let server: PostgresServer;
    let gateway: Gateway;
    before(async () => {
      server = await startPostgres({ version, tcp: true });
      await using admin = await connectAdmin({ socketFolder: server.socketFolder, port: server.port });
      await admin.query(`
        create table people as select 'ann@example.com'::text as email;
        create schema elsewhere;
        create table elsewhere.people as select 'elsewhere'::text as email`);
      gateway = await startGateway({ server, judge: notElsewhere, obligations: { mask: [EMAIL] } });
    });
    after(async () => {
      await gateway?.[Symbol.asyncDispose]();
      await server?.[Symbol.asyncDispose]();
    });

    const client = async () => {
      const wire = await wireClient(gateway.port);
      return {
        talk: wire.talk,
        close: wire.close,
        async values(...messages: Buffer[]) {
          wire.send(...messages);
          const heard = [];
          for (const _ of messages.filter(({ 0: type }) => type === 0x53 || type === 0x51))
            heard.push(...(await wire.untilReady()));
          return heard.filter(({ type }) => type === "D").map(valuesOf);
        },
      };
    };
    /** May be prepared; what it returns cannot be masked. */
    const SHOUTED = "select upper(email) from people";

    for (const [what, name] of Object.entries({ unnamed: "", named: "a" }))
      test(`${what}: the statement is still the one of before when the Parse of another never happened`, async () => {
        const { values, talk, close } = await client();
        assert.equal(await talk(P(SHOUTED, name), S), "1 Z(I)");
        const replacing = [P("select 1 + 1", name), S];
        const never = await values(E("absent"), ...replacing, B("c", name), E("c"), S);
        assert.deepEqual(never, []);
        // The twin: it did happen.
        if (name === "") assert.deepEqual(await values(...replacing, B("c", name), E("c"), S), [["2"]]);
        close();
      });

    test("a portal is still the one of before when the Bind of another never happened", async () => {
      const { values, talk, close } = await client();
      await talk(Q("begin"), P(SHOUTED, "a"), P("select 1 + 1", "b"), B("p", "a"), S, Q("savepoint s"));
      const never = await values(E("absent"), B("p", "b"), S, Q("rollback to s"), E("p"), S);
      assert.deepEqual(never, []);
      close();
    });

    test("EXECUTE runs what was prepared before when another PREPARE has failed", async () => {
      const { values, talk, close } = await client();
      await talk(Q(`prepare sp as ${SHOUTED}`));
      assert.deepEqual(await values(Q("prepare sp as select 1 + 1"), Q("execute sp")), []);
      assert.deepEqual(await values(Q("prepare sp as select 1 + 1"), P("execute sp"), B(), E(), S), []);
      assert.deepEqual(
        await values(Q("deallocate sp"), Q("prepare sp as select 1 + 1"), P("execute sp"), B(), E(), S),
        [["2"]],
      );
      close();
    });

    test("a question of the gateway's own makes no pipeline of what the client sends", async () => {
      const { talk, close } = await client();
      for (const first of [C("S", "absent"), D("S", "known")]) {
        await talk(P("select 1", "known"), Q("set search_path to public"));
        assert.match(await talk(first, P("vacuum"), B(), E(), S), /1 2 C\(VACUUM\) Z\(I\)$/);
        await talk(C("S", "known"), S);
      }
      close();
    });

    test("a portal whose Execute was skipped takes effect when it is executed", async () => {
      const { talk, close } = await client();
      await talk(Q("begin"), P("set search_path to elsewhere", "set"), B("p", "set"), S, Q("savepoint s"));
      await talk(E("absent"), E("p"), S, Q("rollback to s"), Q("select 1"));
      assert.match(await talk(E("p"), S), /^C\(SET\) (S )?Z\(T\)$/);
      assert.match(await talk(Q("select email from people")), /^E\(42501\) (S )?Z\(E\)$/);
      close();
    });

    test("and so it does when nobody waits for the answers in between", async () => {
      await using unmasked = await startGateway({ server });
      const { talk, close } = await wireClient(unmasked.port);
      await talk(Q("begin"), P("prepare sp as select 1", "make"), B("p", "make"));
      await talk(P("rollback to s", "back"), B("r", "back"), S, Q("savepoint s"));
      assert.equal(
        await talk(E("absent"), E("p"), S, E("r"), E("p"), S),
        "E(34000) Z(E) C(ROLLBACK) C(PREPARE) Z(T)",
      );
      // What it has prepared is known, so that running it is decided and on record.
      const { length } = unmasked.tap.decided;
      assert.equal(await talk(B("", "sp"), E(), S), "2 D C(SELECT 1) Z(T)");
      assert.deepEqual(unmasked.tap.decided.slice(length), ["prepare sp as select 1"]);
      close();
    });
  });
