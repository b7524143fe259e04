/** The limits of masks, and of what is known of a database, as docs/limits.md has them. Each beside what does hold. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { ask, mask, openWorld, type World } from "#test/catalog/support/world.ts";
import type { WireClient } from "#test/postgres/support/wire.ts";

const SETUP = `
  create table people (id int, email text, city text);
  insert into people values (1, 'b-canary@x', 'Riga'), (2, 'a-canary@x', 'Oslo');
  create table notes (id int, body text);
  create function email_of(int) returns text stable language sql as 'select email from people where id = $1';
  create view through_function as select id, email_of(id) as e from people;
  create table renamed (id int, mail text);
  insert into renamed values (1, 'canary@x');
  create extension citext;`;

const REFUSED = /could show a masked column/;

describe("PostgreSQL 18", { skip: skipWithoutPostgres(18) }, () => {
  let world: World;
  let client: WireClient;
  before(async () => {
    world = await openWorld(18, SETUP, { freshMs: 600_000, staleMs: 600_000 });
    const masks = [mask("public.people.email"), mask("public.renamed.email")];
    client = await world.client({ obligations: { mask: masks } });
  });
  after(() => world?.[Symbol.asyncDispose]());

  test("Effects of a masked value: conditions, order and errors tell of it", async () => {
    assert.equal(await ask(client, "select id, email from people where email like 'a%'"), "2,***");
    assert.equal(await ask(client, "select id from people order by email"), "2 | 1");
    assert.match(await ask(client, "select id from people where email::int = 1"), /^22P02 .*withheld/);
    assert.match(await ask(client, "select email < 'b' from people"), REFUSED);
  });

  test("Copies: a statement that writes may put a masked value where no mask is", async () => {
    assert.equal(await ask(client, "insert into notes select id, email from people where id = 1"), "");
    assert.equal(await ask(client, "select body from notes"), "b-canary@x");
    assert.match(
      await ask(client, "insert into notes select id, email from people returning body || ''"),
      REFUSED,
    );
  });

  test("Functions inside views: the owner's code may read what is masked", async () => {
    assert.equal(await ask(client, "select e from through_function order by id limit 1"), "b-canary@x");
    assert.match(await ask(client, "select email_of(1)"), REFUSED);
  });

  test("Changes by others: a column that gets a masked name is masked when the catalog is read again", async () => {
    assert.equal(await ask(client, "select mail from renamed"), "canary@x");
    await world.admin.query("alter table renamed rename column mail to email");
    assert.equal(await ask(client, "select email from renamed"), "canary@x");
    // Anything that makes it be read again will do; its own time is 30 seconds.
    await ask(client, "create table any_change ()");
    assert.equal(await ask(client, "select email from renamed"), "***");
  });

  test("Refused without need: stars inside, EXPLAIN, and code that could read", async () => {
    assert.match(await ask(client, "select upper(city) from (select * from people) p"), REFUSED);
    assert.equal(await ask(client, "select upper(city) from (select city from people) p limit 1"), "RIGA");
    assert.match(await ask(client, "explain select email from people"), REFUSED);
  });

  test("Refused without need: a string of several statements that changes data and cannot all be described", async () => {
    const both = "insert into notes values (9, 'x'); do $$ begin perform 1; end $$";
    assert.match(await ask(client, both), /send them one at a time/);
    assert.equal(await ask(client, "insert into notes values (9, 'x')"), "");
    assert.equal(await ask(client, "do $$ begin perform 1; end $$"), "");
  });

  test("Extensions: what a superuser brought in C and calls IMMUTABLE is trusted", async () => {
    const seen: string[] = [];
    const judged = await world.client({
      judge: ({ calls }) => {
        seen.push(...calls.map(({ name }) => name));
        return undefined;
      },
    });
    assert.equal(await ask(judged, "select 'A'::citext = 'a'::citext"), "t");
    assert.deepEqual(seen, []);
    await ask(judged, "select replace('A'::citext, 'a'::citext, 'b')");
    assert.deepEqual(seen, ["replace"]);
  });
});
