/** Which forms of a query keep the origin of a column on the wire and which lose it, and what becomes of both. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readRowDescription } from "#core/wire/postgres/messages.ts";
import { type Message, Q } from "#test/postgres/support/wire.ts";
import { CANARY, hear, shownNothing, type Stage } from "../support/stage.ts";

/** `@` is the column. Every one of them comes from `people.email`. */
const SURVIVES: readonly string[] = [
  "select email from people",
  "select email as other from people",
  "select (email) from people",
  "select p.email from people p",
  "select p.e from people p (i, e)",
  "select q.email from (select * from people) q",
  "select email from (select email from (table people) a) b",
  "with q as (select email from people) select email from q",
  "with q as materialized (select email from people) select email from q",
  "select distinct email from people",
  "select email from people group by email",
  "select a.email from people a join people b on a.id = b.id",
  "select email from people natural join (select id from people) n",
  "select l.email from people p, lateral (select p.email) l",
  "select email from people offset 0",
  "select email from people order by city limit 1",
  "select email from people tablesample system (100)",
  "select email::text from people",
  "select (p).email from people p",
  "select email from only people",
  "select email from people for update",
];

const LOST: readonly string[] = [
  "select email || '' from people",
  "select upper(email) from people",
  "select case when true then email end from people",
  "select coalesce(email, '') from people",
  "select nullif(email, '') from people",
  "select greatest(email, '') from people",
  "select max(email) from people",
  "select string_agg(email, ',') from people",
  "select first_value(email) over () from people",
  "select email::varchar(50) from people",
  "select email::name from people",
  'select email collate "C" from people',
  "select (select email from people limit 1)",
  "select email from people union select email from people",
  "select email from people union all select email from people",
  "select email from people intersect select email from people",
  "select email from people a full join people b using (email)",
  "values ((select email from people limit 1))",
  "select array[email] from people",
  "select array(select email from people)",
  "select unnest(array[email]) from people",
  "select (array[email])[1] from people",
  "select e from unnest(array(select email from people)) e",
  "select row(email) from people",
  "select row_to_json(p) from people p",
  "select to_jsonb(p) from people p",
  "select json_agg(p) from people p",
  "select json_build_object('e', email) from people",
  "select format('%s', email) from people",
  "select concat(email) from people",
  "select p::text from people p",
  "select (q.p).email from (select p from people p) q",
  "select email is null or email = 'x' from people",
  "explain select email from people",
  "select xmlelement(name e, email) from people",
];

/** The whole row: the table's number, and no column's. */
const ROWS: readonly string[] = ["select p from people p", "select people from people"];

const described = (heard: readonly Message[]) => {
  const description = heard.find(({ type }) => type === "T");
  assert.ok(description, "no description");
  return readRowDescription(description.bytes, 0, description.bytes.length);
};

export function originTraps(there: () => Stage): void {
  test("trap origin: a form that keeps the origin is masked by it", async () => {
    const { admin } = there();
    const [row] = await admin.query("select 'people'::regclass::oid::int as oid");
    const direct = await there().direct();
    for (const text of SURVIVES) {
      const heard = await hear(direct, Q(text));
      assert.deepEqual(
        described(heard).map(({ tableOid, attributeNumber }) => [tableOid, attributeNumber]),
        [[row?.["oid"], 2]],
        text,
      );
      assert.match(Buffer.concat(heard.map(({ bytes }) => bytes)).toString("latin1"), CANARY);
      assert.match(await shownNothing(there(), [Q(text)]), /^\*\*\*(?: \| \*\*\*)*$/, text);
    }
    direct.close();
  });

  test("trap origin: a form that loses the origin is refused where a masked column is in it", async () => {
    const direct = await there().direct();
    for (const text of LOST) {
      const [column] = described(await hear(direct, Q(text)));
      assert.deepEqual([column?.tableOid, column?.attributeNumber], [0, 0], text);
      assert.match(await shownNothing(there(), [Q(text)]), /^42501 .*could show a masked column/, text);
    }
    for (const text of ROWS) {
      const [column] = described(await hear(direct, Q(text)));
      assert.equal(column?.attributeNumber, 0, text);
      assert.match(await shownNothing(there(), [Q(text)]), /^42501 .*could show a masked column/, text);
    }
    direct.close();
  });

  test("trap origin: the same forms over what is not masked are shown", async () => {
    const client = await there().client(there().masked);
    const direct = await there().direct();
    for (const text of [...SURVIVES, ...LOST, ...ROWS]) {
      const twin = text.replaceAll("people", "plain").replaceAll("city", "id").replaceAll("(i, e)", "(i, e)");
      const [ours, theirs] = [await hear(client, Q(twin)), await hear(direct, Q(twin))];
      assert.deepEqual(
        ours.filter(({ type }) => type === "D" || type === "E"),
        theirs.filter(({ type }) => type === "D" || type === "E"),
        twin,
      );
    }
    for (const each of [client, direct]) each.close();
  });
}
