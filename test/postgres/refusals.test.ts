/**
 * A refusal leaves the session exactly as PostgreSQL would after an error. So each case is played twice: through the
 * gateway with a refused statement, and on the server itself with one that fails there; what is heard must be the same,
 * but for the error's code, and so must be what the database holds afterwards.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startPostgres, type PostgresServer } from "#tools/postgres/server.ts";
import { connect as connectAdmin } from "#tools/postgres/client.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { denyForbidden, type Gateway, startGateway } from "./support/gateway.ts";
import { B, C, D, E, errorOf, H, P, Q, S, wireClient } from "./support/wire.ts";
import { passwordClient } from "./support/direct.ts";

const REFUSED = "select * from forbidden";
/** Fails at the same step: parse analysis does not find the table. */
const FAILING = "select * from absent_table";
/** A string of several statements is refused as a whole, as PostgreSQL does with one that it cannot parse. */
const UNPARSED = "selec 1";

/** What a client sends, with the refused text in the place of `X`. `BEGIN` and the like come first in each state. */
const FORMS: Readonly<Record<string, (x: string) => Buffer[]>> = {
  "simple query": (x) => [Q(x)],
  "one of several in a simple query": (x) => [
    Q(`insert into kept values (1); ${x}; insert into kept values (2)`),
  ],
  "extended, unnamed": (x) => [P(x), B(), D("P"), E(), S],
  "extended, named": (x) => [P(x, "s1"), B("", "s1"), E(), S],
  "extended, with Flush": (x) => [P(x), H, B(), E(), H, S],
  "in the middle of a pipeline": (x) => [
    P("insert into kept values (10)"),
    B(),
    E(),
    P(x),
    B(),
    E(),
    P("insert into kept values (11)"),
    B(),
    E(),
    S,
  ],
  "at the end of a pipeline": (x) => [P("insert into kept values (20)"), B(), E(), P(x), S],
  "between two pipelines": (x) => [
    P("insert into kept values (30)"),
    B(),
    E(),
    S,
    P(x),
    B(),
    E(),
    S,
    P("insert into kept values (31)"),
    B(),
    E(),
    S,
  ],
  "after a failed statement of the same pipeline": (x) => [P("select 1/0"), B(), E(), P(x), B(), E(), S],
  "simple queries sent at once": (x) => [
    Q("insert into kept values (40)"),
    Q(x),
    Q("insert into kept values (41)"),
  ],
};

const STATES: Readonly<Record<string, Buffer[]>> = {
  idle: [],
  "in a transaction": [Q("begin"), Q("insert into kept values (100)")],
  "in an aborted transaction": [Q("begin"), Q("select 1/0")],
};

/** What is tried afterwards: does the session still work, and what did it keep? */
const AFTERWARDS = [
  [Q("select 1")],
  [P("select 2", "s1"), B("", "s1"), E(), C("S", "s1"), S],
  [B("", ""), E(), S],
  [Q("commit")],
  [Q("select 3")],
];

const VERSIONS = [15, 18] as const;

for (const version of VERSIONS)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let server: PostgresServer;
    let gateway: Gateway;
    before(async () => {
      server = await startPostgres({ version, tcp: true });
      gateway = await startGateway({ server, judge: denyForbidden });
      await using admin = await connectAdmin({ socketFolder: server.socketFolder, port: server.port });
      await admin.query("create table kept (n int); create table forbidden (secret text)");
    });
    after(async () => {
      await gateway?.[Symbol.asyncDispose]();
      await server?.[Symbol.asyncDispose]();
    });

    const kept = async (): Promise<string> => {
      await using admin = await connectAdmin({ socketFolder: server.socketFolder, port: server.port });
      const rows = await admin.query("select n from kept order by n");
      await admin.query("truncate kept");
      return rows.map(({ n }) => n).join(",");
    };

    const play = async (client: Awaited<ReturnType<typeof wireClient>>, state: Buffer[], form: Buffer[]) => {
      const heard: string[] = [];
      for (const message of state) heard.push(await client.talk(message));
      heard.push(await client.talk(...form));
      for (const step of AFTERWARDS) heard.push(await client.talk(...step));
      client.close();
      return heard;
    };

    for (const [state, opening] of Object.entries(STATES))
      for (const [form, messages] of Object.entries(FORMS))
        test(`${form}, ${state}: heard and kept as PostgreSQL alone would`, async () => {
          const direct = await play(
            await passwordClient(server),
            opening,
            messages(form.startsWith("one of") ? UNPARSED : FAILING),
          );
          const expected = { heard: direct, kept: await kept() };
          const through = await play(await wireClient(gateway.port), opening, messages(REFUSED));
          // In an aborted transaction PostgreSQL complains of that before it looks for the table.
          const same = (line: string): string => line.replaceAll(/E\((?:42P01|42601|42501|25P02)\)/g, "E(…)");
          assert.deepEqual(
            { heard: through.map(same), kept: await kept() },
            { heard: direct.map(same), kept: expected.kept },
          );
          if (state === "idle")
            assert.match(through.join(), form.startsWith("after a failed") ? /22012/ : /E\(42501\)/);
        });

    test("the twin that is allowed runs in every form", async () => {
      for (const [form, messages] of Object.entries(FORMS)) {
        const client = await wireClient(gateway.port);
        const heard = await client.talk(...messages("select n from kept"));
        if (!form.startsWith("after a failed")) assert.doesNotMatch(heard, /E\(/, form);
        client.close();
      }
      await kept();
    });

    test("the error says who refused, why, and what to do", async () => {
      const client = await wireClient(gateway.port);
      client.send(Q(REFUSED));
      const error = errorOf(await client.untilReady());
      assert.equal(error.get("S"), "ERROR");
      assert.equal(error.get("M"), "the table forbidden is not for agents");
      assert.equal(error.get("D"), "Refused by the gateway: DENY_RULE, rule test/rule.");
      assert.match(error.get("H") ?? "", /quote the code and the rule/);
      // Nothing of what stood in its place.
      assert.equal(error.has("P"), false);
      assert.doesNotMatch([...error.values()].join(), /sallyport|syntax/);
      client.close();
    });

    test("no byte of what was refused reaches the server", async () => {
      const client = await wireClient(gateway.port);
      await client.talk(Q("select 'canary-5c1' from forbidden"));
      await client.talk(P("select 'canary-5c1' from forbidden"), B(), E(), S);
      client.close();
      assert.match(server.log(), /a request stood here that policy refused/);
      assert.doesNotMatch(server.log(), /canary-5c1/);
    });

    test("answers that have to be waited for come to the same", async () => {
      await using slow = await startGateway({ server, judge: denyForbidden, later: true });
      const messages = FORMS["in the middle of a pipeline"]?.(REFUSED) ?? [];
      const client = await wireClient(slow.port);
      assert.equal(await client.talk(...messages), "1 2 C(INSERT 0 1) E(42501) Z(I)");
      assert.equal(await client.talk(Q("select n from kept")), "T C(SELECT 0) Z(I)");
      client.close();
    });
  });
