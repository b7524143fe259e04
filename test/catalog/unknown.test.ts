/** What another session has just made is looked for once, at once, before anything is decided of it; and not for ever. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { databaseCatalogs } from "#sidecar/protocols/postgres/catalog/catalogs.ts";
import type { PostgresRequest } from "#core/statements/postgres/facts.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { request, statement } from "#test/policy/request-arbitraries.ts";
import { Q } from "#test/postgres/support/wire.ts";
import { open, openingFor } from "./support/opening.ts";
import { ask, mask, openWorld, recorder, type World } from "./support/world.ts";

const SETUP = `
  create table people (id int, email text);
  insert into people values (1, 'Canary@x');`;
/** Nothing is read again by itself, and for the sake of one session once. */
const ONCE = { freshMs: 600_000, staleMs: 600_000, lookMs: 600_000, lookPerCost: 0 };
const REFUSED = /^42501 .*could show a masked column/;

const reads = (name: string, schema = "public"): PostgresRequest =>
  request([statement({ accesses: [{ verb: "read", relation: { schema, name }, unfiltered: true }] })]);

describe("PostgreSQL 18", { skip: skipWithoutPostgres(18) }, () => {
  let world: World;
  before(async () => {
    world = await openWorld(18, SETUP, ONCE);
  });
  after(() => world?.[Symbol.asyncDispose]());
  const masked = { obligations: { mask: [mask("public.people.email")] } };

  test("a table that another session has just made can be copied, and computed with", async () => {
    const client = await world.client(masked);
    await ask(client, "select 1 from people");
    await world.admin.query("create table made_now as select 5 as id, 'open' as note");
    client.send(Q("copy made_now to stdout"));
    const copied = (await client.untilReady()).filter(({ type }) => type === "d");
    assert.deepEqual(
      copied.map(({ bytes }) => bytes.toString("utf8", 5)),
      ["5\topen\n"],
    );
    const another = await world.client(masked);
    await world.admin.query("create table made_then as select 6 as id");
    assert.equal(await ask(another, "select id + 1 from made_then"), "7");
  });

  test("and is judged by what it is: a view of what is masked shows nothing", async () => {
    const client = await world.client(masked);
    await ask(client, "select 1 from people");
    await world.admin.query("create view made_to_leak as select email as note from people");
    assert.match(await ask(client, "copy (select note from made_to_leak) to stdout"), REFUSED);
    assert.match(await ask(client, "select note || '' from made_to_leak"), REFUSED);
  });

  test("a name is put to rules as the relation that it is", async () => {
    const seen = recorder();
    const client = await world.client({ judge: seen.judge });
    await ask(client, "select 1 from people");
    await world.admin.query("create table made_last as select 1 as id");
    await ask(client, "select id from made_last");
    assert.deepEqual(seen.last().relations, ["public.made_last"]);
  });

  test("a session that names what is not there has it looked for once in its time", async () => {
    await using catalogs = databaseCatalogs(ONCE);
    const opened = openingFor(world.server);
    const [session, other] = [await open(catalogs, opened), await open(catalogs, opened)];
    await session.ready([]);
    await other.ready([]);
    assert.equal(session.lookAgain(reads("people"), []), undefined);
    assert.equal(session.lookAgain(reads("*"), []), undefined);
    assert.equal(session.lookAgain(reads("x", "*"), []), undefined);
    const looking = session.lookAgain(reads("nowhere"), []);
    assert.ok(looking instanceof Promise);
    assert.equal(session.lookAgain(reads("nowhere"), []), undefined);
    await looking;
    assert.equal(session.lookAgain(reads("elsewhere"), []), undefined);
    // Its own time is another's.
    assert.ok(other.lookAgain(reads("nowhere"), []) instanceof Promise);
  });

  test("many sessions together have it looked for no more often than a part of the time", async () => {
    await using catalogs = databaseCatalogs({ ...ONCE, lookMs: 0, lookPerCost: 1e9 });
    const opened = openingFor(world.server);
    const sessions = await Promise.all(Array.from({ length: 20 }, () => open(catalogs, opened)));
    await Promise.all(sessions.map((session) => session.ready([])));
    const looked = sessions.map((session) => session.lookAgain(reads("nowhere"), []));
    assert.equal(looked.filter((each) => each !== undefined).length, 1);
    await Promise.all(looked);
  });

  test("in the transaction that changes the schema nothing is looked for: nobody else sees it", async () => {
    await using catalogs = databaseCatalogs(ONCE);
    const session = await open(catalogs, openingFor(world.server));
    await session.ready([]);
    session.changed(undefined);
    assert.equal(session.lookAgain(reads("nowhere"), []), undefined);
  });
});
