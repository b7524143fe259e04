/**
 * Names of statements and portals that mean one thing to the gateway and another to the server: what is run would then
 * be judged, recorded and masked as something else.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ColumnMask } from "#core/policy/decision.ts";
import { connect as connectAdmin } from "#tools/postgres/client.ts";
import { startPostgres, type PostgresServer } from "#tools/postgres/server.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Gateway, type Judge, startGateway } from "#test/postgres/support/gateway.ts";
import { B, brief, C, D, E, P, Q, S, wireClient } from "#test/postgres/support/wire.ts";
import { directClient, say, shows, type Step, valuesIn } from "../support/attack.ts";

const CANARY = "canary-p1@example.com";
const EMAIL: ColumnMask = { schema: "public", table: "people", column: "email", action: "redact" };
/** Permitted, and refused by masks as soon as its output is looked at. */
const SHOW = "select lower(email) from people";
const NOTHING = "select 'x'::text";
const LONG = "n".repeat(63);

/** As a policy that lets nothing through of which it cannot be told what it does. */
const denyPeople: Judge = ({ accesses, doubts }) =>
  doubts.length > 0 || accesses.some(({ relation }) => relation?.name === "people")
    ? "not any more"
    : undefined;

/** Each runs `SHOW` under a name of which the gateway knows something else. */
const ATTACKS: Readonly<Record<string, readonly Step[]>> = {
  "a statement named beyond the 63 bytes that a server keeps": [
    [P(NOTHING, `${LONG}1`), D("S", `${LONG}1`), S],
    [C("S", `${LONG}2`), P(SHOW, `${LONG}3`), S],
    [B("", `${LONG}1`), E(), S],
  ],
  "a portal named beyond them": [
    [Q("begin")],
    [
      P(NOTHING, "a"),
      P(SHOW, "b"),
      B(`${LONG}1`, "a"),
      C("P", `${LONG}2`),
      B(`${LONG}3`, "b"),
      E(`${LONG}1`),
      S,
    ],
  ],
  "the unnamed statement, which DEALLOCATE ALL leaves as it is": [
    [P(NOTHING), P("deallocate all", "d"), P(SHOW), S],
    [B("", "d"), E(), S],
    [B(), E(), S],
  ],
  "the unnamed statement, which DISCARD ALL leaves as it is": [
    [P("discard all", "d"), P(SHOW), S],
    [B("", "d"), E(), S],
    [B(), E(), S],
  ],
  "a cursor that has ended, and a portal of its name": [
    [Q("begin; declare c cursor for select 'x'::text; commit")],
    [Q("begin")],
    [P(SHOW, "s"), B("c", "s"), S],
    [Q("fetch all from c")],
  ],
  "a cursor that was closed, and a portal of its name": [
    [Q("begin; declare c cursor for select 'x'::text")],
    [C("P", "c"), P(SHOW, "s"), B("c", "s"), S],
    [Q("fetch all from c")],
  ],
  "a portal that was closed by SQL, and a cursor of its name": [
    [Q("begin")],
    [P(NOTHING, "s"), D("S", "s"), B("c", "s"), S],
    [Q("close c")],
    [Q(`declare c cursor for ${SHOW}`)],
    [E("c"), S],
  ],
  "a statement that was given up by SQL, and one of its name prepared by SQL": [
    [P(NOTHING, "s"), D("S", "s"), S],
    [Q("deallocate s")],
    [Q(`prepare s as ${SHOW}`)],
    [B("", "s"), E(), S],
  ],
  "a Parse that fails over a statement that SQL prepared": [
    [Q(`prepare s as ${SHOW}`)],
    [P(NOTHING, "s"), S],
    [B("", "s"), E(), S],
  ],
  "what a string prepared before it failed": [
    [Q(`prepare s as ${SHOW}; select 1 / 0`)],
    [B("", "s"), E(), S],
  ],
  "what was prepared behind a DEALLOCATE ALL in one pipeline": [
    [P("deallocate all", "d"), B("", "d"), E(), P(SHOW, "s"), S],
    [B("", "s"), E(), S],
  ],
};

describe("names that a client gives", { skip: skipWithoutPostgres(18) }, () => {
  let server: PostgresServer;
  let gateway: Gateway;
  before(async () => {
    server = await startPostgres({ version: 18, tcp: true, settings: { fsync: "off" } });
    await using admin = await connectAdmin({ socketFolder: server.socketFolder, port: server.port });
    await admin.query(`create table people (id int, email text); insert into people values (1, '${CANARY}')`);
    gateway = await startGateway({ server, obligations: { mask: [EMAIL] } });
  });
  after(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  for (const [what, steps] of Object.entries(ATTACKS))
    test(`${what}: shows nothing masked`, async () => {
      const direct = await directClient(server);
      assert.equal(
        shows(await say(direct, steps), CANARY),
        true,
        "the attack does not work on a server alone",
      );
      direct.close();
      const client = await wireClient(gateway.port);
      const heard = await say(client, steps);
      assert.equal(shows(heard, CANARY), false, brief(heard));
      client.close();
    });

  for (const [what, steps] of Object.entries(ATTACKS))
    test(`${what}: runs nothing that a policy edit has forbidden since`, async () => {
      await using unmasked = await startGateway({ server });
      const client = await wireClient(unmasked.port);
      await say(client, steps.slice(0, -1));
      unmasked.tap.judge = denyPeople;
      unmasked.tap.changed();
      const heard = await say(client, steps.slice(-1));
      assert.equal(shows(heard, CANARY), false, brief(heard));
      client.close();
    });

  test("names are bounded, in SQL too, and those that are given up count no more", async () => {
    const client = await wireClient(gateway.port);
    const many = (kinds: (name: string) => string): Buffer[] =>
      Array.from({ length: 110 }, (_, group) =>
        Q(Array.from({ length: 100 }, (__, index) => kinds(`s${group}_${index}`)).join(";")),
      );
    const dropped = await say(client, [many((name) => `prepare ${name} as select 1;deallocate ${name}`)]);
    assert.equal(
      dropped.some(({ type }) => type === "E"),
      false,
      brief(dropped).slice(-200),
    );
    const kept = await say(client, [many((name) => `prepare ${name} as select 1`)]);
    assert.match(brief(kept), /C\(PREPARE\) Z\(I\)( E\(53300\) Z\(I\))+$/);
    assert.equal(await client.talk(P(NOTHING, "one_more"), S), "E(53300) Z(I)");
    assert.equal(await client.talk(Q("begin"), P(NOTHING), B("p"), S), "C(BEGIN) Z(T) 1 E(53300) Z(E)");
    assert.equal(await client.talk(Q("rollback; deallocate all")), "C(ROLLBACK) C(DEALLOCATE ALL) Z(I)");
    assert.equal(
      await client.talk(Q("deallocate all"), P(NOTHING, "one_more"), S),
      "C(DEALLOCATE ALL) Z(I) 1 Z(I)",
    );
    client.close();
  });

  test("the nearest that is honest works: names that are used again, dropped and long", async () => {
    const client = await wireClient(gateway.port);
    const heard = await say(client, [
      [P(NOTHING, LONG), S],
      [B("", LONG), E(), C("S", LONG), P("select id from people", LONG), B("", LONG), E(), S],
      [Q("prepare s as select 2; execute s; deallocate s; prepare s as select 3")],
      [B("", "s"), E(), S],
      [P("deallocate all", "d"), B("", "d"), E(), P("select 4", "s"), S],
      [B("", "s"), E(), S],
      [Q("begin; declare c cursor for select 5")],
      [E("c"), S],
      [Q("close c; declare c cursor for select 6; fetch c; commit")],
    ]);
    assert.deepEqual(valuesIn(heard), ["x", "1", "2", "3", "4", "5", "6"]);
    client.close();
  });
});
