/** What a mask puts in a value's place: valid in its type, in both forms; and results that come in parts or as COPY. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { int16, int32, message } from "#core/wire/postgres/fields.ts";
import { mask } from "#test/catalog/support/world.ts";
import { B, brief, D, E, errorOf, P, Q, S, valuesOf } from "#test/postgres/support/wire.ts";
import { answered, CANARY, hear, shownNothing, type Stage } from "../support/stage.ts";

/** A value of each family of types. */
const ZOO: Readonly<Record<string, string>> = {
  text: "'secret'",
  varchar: "'secret'",
  "varchar(2)": "'se'",
  "varchar(1)": "'s'",
  "char(5)": "'secr'",
  char: "'s'",
  '"char"': "'s'",
  name: "'secret'",
  json: `'{"a": 1}'`,
  jsonb: `'{"a": 1}'`,
  xml: "'<a/>'",
  bytea: "'\\x736563'",
  boolean: "true",
  smallint: "7",
  integer: "7",
  bigint: "7",
  real: "7.5",
  "double precision": "7.5",
  numeric: "7.5",
  "numeric(5,2)": "7.5",
  money: "'7.5'",
  oid: "7",
  regclass: "'pg_class'",
  date: "'2026-01-02'",
  time: "'10:11'",
  timetz: "'10:11+01'",
  timestamp: "'2026-01-02 10:11'",
  timestamptz: "'2026-01-02 10:11+01'",
  interval: "'7 days'",
  uuid: "'6b0f2e3a-4d1c-4b5a-9f8e-7d6c5b4a3f2e'",
  inet: "'10.1.2.3/8'",
  cidr: "'10.0.0.0/8'",
  macaddr: "'08:00:2b:01:02:03'",
  macaddr8: "'08:00:2b:01:02:03:04:05'",
  "bit(3)": "B'101'",
  varbit: "B'101'",
  point: "'(1,2)'",
  polygon: "'((0,0),(1,1),(1,0))'",
  circle: "'<(0,0),1>'",
  tsvector: "'secret'",
  tsquery: "'secret'",
  pg_lsn: "'0/7'",
  jsonpath: "'$.a'",
  int4range: "'[1,7)'",
  datemultirange: "'{[2026-01-02,2026-01-03)}'",
  "text[]": "'{secret}'",
  "int[]": "'{7}'",
  "varchar(3)[]": "'{sec}'",
  zoo_mood: "'calm'",
  zoo_pair: "'(7,secret)'",
  zoo_short: "'se'",
  zoo_word: "'secret'",
  zoo_number: "7",
};

const TYPES = Object.keys(ZOO);

async function makeZoo({ admin }: Stage): Promise<void> {
  await admin.query(`
    create type zoo_mood as enum ('calm', 'wild');
    create type zoo_pair as (n int, t text);
    create domain zoo_short as varchar(2);
    create domain zoo_word as text check (value <> '');
    create domain zoo_number as int check (value > 0);
    create table zoo (${TYPES.map((type, index) => `v${index} ${type}`).join()});
    insert into zoo values (${Object.values(ZOO).join()})`);
}

/** Text for text; NULL for every type that has no text of its own. */
const SHOWN: Readonly<Record<string, string>> = {
  text: "***",
  varchar: "***",
  "varchar(2)": "**",
  "varchar(1)": "*",
  "char(5)": "***",
  char: "*",
  '"char"': "*",
  name: "***",
  json: '"***"',
  zoo_short: "**",
  zoo_word: "***",
};

/** Whether the server takes a value for one of that type, in that form. */
async function isTaken(stage: Stage, type: string, format: number, value: Buffer): Promise<string> {
  const client = await stage.client(stage.open);
  const bind = message(
    "B",
    Buffer.from("\0\0"),
    int16(1),
    int16(format),
    int16(1),
    int32(value.length),
    value,
    int16(0),
  );
  const heard = await hear(client, P(`select $1::${type}`), bind, E(), S);
  client.close();
  return [...errorOf(heard)].join();
}

export function maskTraps(there: () => Stage): void {
  test("trap 16: what stands in the place of a value is one of its type, in text and in binary", async () => {
    const stage = there();
    await makeZoo(stage);
    const all = await stage.gateway({
      obligations: { mask: TYPES.map((_, index) => mask(`public.zoo.v${index}`)) },
    });
    const client = await stage.client(all);
    for (const binary of [false, true]) {
      const heard = await hear(client, P("select * from zoo"), B("", "", [], binary), D("P"), E(), S);
      const row = heard.find(({ type }) => type === "D");
      assert.ok(row, brief(heard));
      const values = valuesOf(row);
      for (const [index, type] of TYPES.entries()) {
        const value = values[index] ?? null;
        assert.equal(value, SHOWN[type] ?? null, `${type} ${binary ? "binary" : "text"}`);
        if (value !== null)
          assert.equal(await isTaken(stage, type, binary ? 1 : 0, Buffer.from(value)), "", type);
      }
      assert.equal(all.tap.results.at(-1)?.maskedValues, TYPES.length);
    }
    // The twin: without a mask the same comes through byte for byte, in both forms.
    const plain = await stage.client(stage.open);
    const direct = await stage.direct();
    for (const binary of [false, true]) {
      const ask = [P("select * from zoo"), B("", "", [], binary), E(), S];
      const [ours, theirs] = [await hear(plain, ...ask), await hear(direct, ...ask)];
      assert.deepEqual(ours, theirs);
    }
    for (const each of [client, plain, direct]) each.close();
  });

  test("trap 16: NULL is NULL whether it is masked or not, and an empty text is masked", async () => {
    const stage = there();
    await stage.admin.query(
      "create table hollow (a text, b text, c int); insert into hollow values (null, '', null)",
    );
    const gateway = await stage.gateway({
      obligations: { mask: [mask("public.hollow.a"), mask("public.hollow.b"), mask("public.hollow.c")] },
    });
    const client = await stage.client(gateway);
    assert.equal(await answered(client, Q("select * from hollow")), "NULL,***,NULL");
    client.close();
  });

  test("trap 17: a portal that is run in parts is masked in each of them, with no description between", async () => {
    const { masked } = there();
    for (const describe of [[], [D("P", "c")]]) {
      const client = await there().client(masked);
      const heard = await hear(
        client,
        Q("begin"),
        P("select email from people order by id"),
        B("c"),
        ...describe,
        E("c", 1),
        S,
        E("c", 1),
        S,
        E("c", 1),
        S,
      );
      const types = brief(heard).replace("T D", "D");
      assert.equal(types, "C(BEGIN) Z(T) 1 2 D s Z(T) D s Z(T) C(SELECT 0) Z(T)");
      assert.doesNotMatch(Buffer.concat(heard.map(({ bytes }) => bytes)).toString("latin1"), CANARY);
      client.close();
    }
  });

  test("trap 17: cursors, backwards and held, are masked as their query is", async () => {
    const cursor = "select id, email from people order by id";
    const told = await shownNothing(
      there(),
      [Q(`begin; declare s scroll cursor for ${cursor}; declare h cursor with hold for ${cursor}`)],
      [
        Q("fetch 2 from s"),
        Q("fetch backward 1 from s"),
        Q("fetch absolute 2 from s"),
        Q("move first from s"),
      ],
      [E("s", 1), S],
      [P("fetch all from s"), B(), D("P"), E(), S],
      [P("fetch all from s"), B("", "", [], true), E(), S],
      [Q("commit")],
      [Q("fetch 1 from h")],
      [E("h", 1), S],
    );
    assert.equal(told, "2,***");
    assert.match(
      await shownNothing(
        there(),
        [Q("begin; declare h cursor with hold for select upper(email) from people; commit")],
        [Q("fetch all from h")],
      ),
      /^42501/,
    );
  });

  test("trap 17: a cursor's rows that are updated where it stands, and a portal of RETURNING", async () => {
    await shownNothing(
      there(),
      [Q("begin; declare c cursor for select * from people for update; fetch 1 from c")],
      [Q("update people set city = 'Bern' where current of c returning *")],
      [P("update people set city = 'Rome' returning email, id"), B("r"), E("r", 1), S, E("r"), S],
      [Q("rollback")],
    );
  });

  test("trap 18: COPY out shows what is not masked, in every form, and nothing else", async () => {
    const { masked } = there();
    for (const form of ["text", "csv", "csv, header", "binary", "csv, quote '*', force_quote *"]) {
      for (const from of ["copied", "people (id, city)", "(select id, city from people)"]) {
        const ask = Q(`copy ${from} to stdout (format ${form})`);
        const client = await there().client(masked);
        const direct = await there().direct();
        assert.deepEqual(await hear(client, ask), await hear(direct, ask), `${from} ${form}`);
        client.close();
        direct.close();
      }
      for (const from of [
        "people",
        "people (email)",
        "(select * from people)",
        "(table people)",
        "(select upper(email) from people)",
        "(select p from people p)",
        "(update people set city = city returning email)",
        "(with x as (select email from people) select * from x)",
      ]) {
        const copy = `copy ${from} to stdout (format ${form})`;
        assert.match(await shownNothing(there(), [Q(copy)]), /^42501/, copy);
        assert.match(await shownNothing(there(), [P(copy), B(), E(), S]), /^42501/, copy);
      }
    }
  });

  test("trap 18: COPY to and from the server's own files and programs is refused where nobody allowed it", async () => {
    const { strict } = there();
    const client = await there().client(strict);
    for (const copy of [
      "copy plain to '/tmp/sallyport-copied'",
      "copy plain to program 'cat'",
      "copy plain from program 'id'",
      "copy plain from '/etc/passwd'",
      "copy (select * from forbidden) to stdout",
      "copy (select 1 where exists (select from forbidden)) to stdout",
    ]) {
      assert.match(await answered(client, Q(copy)), /^42501/, copy);
      assert.match(await answered(client, P(copy), B(), E(), S), /^42501/, copy);
    }
    assert.equal(brief(await hear(client, Q("copy plain (id) to stdout"))), "H d d c C(COPY 2) Z(I)");
    client.close();
  });

  test("trap 18: a limit counts the rows of COPY, and not what a binary one has around them", async () => {
    const gateway = await there().gateway({ obligations: { limits: { rows: 3 } } });
    for (const form of ["text", "csv", "binary"])
      for (const [rows, isWhole] of [
        [0, true],
        [3, true],
        [4, false],
      ] as const) {
        const client = await there().client(gateway);
        const copy = `copy (select generate_series(1, ${rows})) to stdout (format ${form})`;
        const heard = await hear(client, Q(copy));
        assert.equal(errorOf(heard).get("C"), isWhole ? undefined : "53400", copy);
        assert.equal(gateway.tap.results.at(-1)?.rows, Math.min(rows, 3), copy);
        client.close();
      }
  });
}
