/** Every form of column origin, one by one: masked, refused, or shown because it provably holds nothing of the column. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { B, D, E, P, S, type WireClient } from "#test/postgres/support/wire.ts";
import { ask, mask, openWorld, told, type World } from "./support/world.ts";

const SETUP = `
  create table t (id int, email text, city text);
  insert into t values (1, 'Canary@x', 'Riga');
  create view v as select id, email from t;
  create materialized view mv as select * from t;
  create table part (id int, email text, city text) partition by list (id);
  create table part_1 partition of part for values in (1);
  insert into part select * from t;
  create type holder as (id int, email text);
  create function whole(t) returns text language sql immutable as $$ select $1.email $$;
  create function all_t() returns setof t language sql stable as 'select * from t';
  create function plus(int) returns int language sql immutable as 'select $1 + 1';
  create table other (id int, email text);
  insert into other values (1, 'open@x');`;

type Outcome = "masked" | "refused" | "shown";

/** `masked`: `***` or NULL stands where the value was; `shown`: everything that the server would answer. */
const FORMS: readonly (readonly [query: string, outcome: Outcome])[] = [
  ["select email from t", "masked"],
  ["select email as id from t", "masked"],
  ["select (email) from t", "masked"],
  ["select t.email, public.t.email from t", "masked"],
  ["select * from t", "masked"],
  ["select x.email from (select * from t) x", "masked"],
  ["with q as (select email from t) select email from q", "masked"],
  ["with q as materialized (select email from t) select email from q", "masked"],
  ["select distinct email from t", "masked"],
  ["select email from t group by email", "masked"],
  ["select a.email from t a join t b using (id)", "masked"],
  ["select email from t natural join (select id from t) u", "masked"],
  ["select l.email from t, lateral (select t.email) l", "masked"],
  ["select email from t offset 0", "masked"],
  ["select email from t tablesample system (100)", "masked"],
  ["table t", "masked"],
  ["select email::text from t", "masked"],
  ["select (t).email from t", "masked"],
  ["select (t.*).email from t", "masked"],
  ["select (u.x).email from (select t as x from t) u", "refused"],
  ["select email from v", "masked"],
  ["select email from mv", "masked"],
  ["select email from part", "masked"],
  ["select email from part_1", "masked"],
  ["select email from only t", "masked"],
  ["update t set city = city returning email", "masked"],
  ["insert into t (id) select 9 where false returning *", "shown"],
  ["select email || '' from t", "refused"],
  ["select upper(email) from t", "refused"],
  ["select case when id = 1 then email end from t", "refused"],
  ["select coalesce(email, '') from t", "refused"],
  ["select max(email) from t", "refused"],
  ["select first_value(email) over () from t", "refused"],
  ["select email::varchar(50) from t", "refused"],
  ['select email collate "C" from t', "refused"],
  ["select (select email from t limit 1)", "refused"],
  ["select email from t union select email from t", "refused"],
  ["select email from t union all select 'x'", "refused"],
  ["select email from t a full join t b using (email)", "refused"],
  ["values ((select email from t limit 1))", "refused"],
  ["select array[email] from t", "refused"],
  ["select unnest(array[email]) from t", "refused"],
  ["select array(select email from t)", "refused"],
  ["select row(email) from t", "refused"],
  ["select row(id, email)::holder from t", "refused"],
  ["select t from t", "refused"],
  ["select v from v", "refused"],
  ["select row_to_json(t) from t", "refused"],
  ["select to_jsonb(t) from t", "refused"],
  ["select t.to_jsonb from t", "refused"],
  ["select json_agg(t) from t", "refused"],
  ["select format('%s', email) from t", "refused"],
  ["select whole(t) from t", "refused"],
  ["select t.whole from t", "refused"],
  ["select email from all_t()", "refused"],
  ["select (all_t()).email", "refused"],
  ["select query_to_xml('select email from t', true, true, '')", "refused"],
  ["select count(email) from t", "refused"],
  ["explain select email from t", "refused"],
  ["copy t to stdout", "refused"],
  ["copy t (email) to stdout", "refused"],
  ["copy (select upper(email) from t) to stdout", "refused"],
  ["select count(*) from t", "shown"],
  ["select count(*), max(id), lower(max(city)) from t", "shown"],
  ["select id, city || '!' from t where email like 'C%'", "refused"],
  ["select id, city from t where email like 'C%'", "shown"],
  ["select 1 from t", "shown"],
  ["select id + 1, plus(id) from t", "shown"],
  ["select ctid, tableoid from t", "shown"],
  ["select email, upper(email) from other", "shown"],
  ["select o.email || t.city from other o join t using (id)", "shown"],
  ["copy t (id, city) to stdout", "shown"],
  ["copy (select id from t) to stdout", "shown"],
];

const MASKS = ["public.t.email", "public.part.email"].map((name) => mask(name));

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let world: World;
    let client: WireClient;
    let plain: WireClient;
    before(async () => {
      world = await openWorld(version, SETUP);
      client = await world.client({ obligations: { mask: MASKS } });
      plain = await world.client();
    });
    after(() => world?.[Symbol.asyncDispose]());

    const check = (answer: string, straight: string, outcome: Outcome): void => {
      if (outcome === "refused") return assert.match(answer, /^42501 .*could show a masked column/);
      if (outcome === "shown") return assert.equal(answer, straight);
      assert.doesNotMatch(answer, /canary/i);
      assert.equal(answer, straight.replaceAll("Canary@x", "***"));
      assert.notEqual(answer, straight);
    };

    for (const [query, outcome] of FORMS)
      test(`${outcome}: ${query}`, async () => {
        const straight = await ask(plain, query);
        check(await ask(client, query), straight, outcome);
      });

    for (const [query, outcome] of FORMS.filter(([text]) => !text.startsWith("copy")))
      test(`${outcome}, extended: ${query}`, async () => {
        const run = async (session: WireClient): Promise<string> => {
          session.send(P(query), B(), D("P"), E(), S);
          return told(await session.untilReady());
        };
        const straight = await run(plain);
        check(await run(client), straight, outcome);
      });

    test("a cursor and a prepared statement are masked like their query", async () => {
      assert.equal(await ask(client, "prepare p as select email from t"), "");
      assert.equal(await ask(client, "execute p"), "***");
      await ask(client, "begin");
      await ask(client, "declare c cursor for select email, id from t");
      assert.equal(await ask(client, "fetch all from c"), "***,1");
      await ask(client, "declare d cursor for select upper(email) from t");
      assert.match(await ask(client, "fetch all from d"), /could show a masked column/);
      await ask(client, "rollback");
    });
  });
