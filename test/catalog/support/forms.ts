/** SELECTs over a table of columns id, email and city, in as many forms as a value can leave by. */

/** An item of FROM over `people`, and how its columns and its row are named there. */
interface Source {
  readonly from: string;
  readonly row: string;
  readonly column?: (name: string) => string;
  readonly before?: string;
}

const SOURCES: readonly Source[] = [
  { from: "people u", row: "u" },
  { from: "people", row: "people", column: (name) => name },
  { from: "public.people", row: "people" },
  { from: "only people as u", row: "u" },
  { from: "people as u (a, b, c)", row: "u", column: (name) => (name === "email" ? "b" : "c") },
  { from: "people as u (a, b, c), one", row: "u", column: (name) => (name === "email" ? "b" : "c") },
  { from: "(select * from people) u", row: "u" },
  { from: "(select u.* from people u) u", row: "u" },
  { from: "(table people) u", row: "u" },
  { from: "(select id, email, city from people offset 0) u", row: "u" },
  { from: "(people p join one o on true) u", row: "u" },
  {
    from: "(people p join one o on true) u (a, b, c, d)",
    row: "u",
    column: (name) => (name === "email" ? "b" : "c"),
  },
  { from: "(people p join one o using (id)) u", row: "u" },
  { from: "people p join people q using (id, email, city) as u", row: "u" },
  { from: "people u natural join people v", row: "u" },
  { from: "people u full join people v using (email, city)", row: "u", column: (name) => name },
  { from: "one left join lateral (select p.* from people p) u on true", row: "u" },
  { from: "people_view u", row: "u" },
  { from: "view_of_view u", row: "u" },
  { from: "people_parent u", row: "u" },
  { from: "people_child u", row: "u" },
  { from: "people u tablesample system (100)", row: "u" },
  { from: "u", before: "with u as (select * from people)", row: "u" },
  { from: "u", before: "with u as materialized (select id, email, city from people)", row: "u" },
  { from: "u", before: "with recursive u as (select * from people union select * from u)", row: "u" },
  { from: "(select * from people union all select * from people) u", row: "u" },
  { from: "unnest(array(select p from people p)) u", row: "u" },
  { from: "(select (p).* from (select people as p from people) q) u", row: "u" },
  {
    from: "json_to_recordset((select json_agg(p) from people p)) as u (id int, email text, city text)",
    row: "u",
  },
];

const OF_COLUMN: readonly string[] = [
  "$",
  "($)",
  "$::text",
  "$::varchar(100)",
  "$ || ''",
  "upper($)",
  "coalesce($, '')",
  "case when true then $ end",
  "nullif($, 'x')",
  "greatest($, '')",
  "array[$]",
  "(array[$])[1]",
  "row($)",
  "row($)::text",
  "(select $)",
  "concat($, 'x')",
  "format('%s', $)",
  "to_json($)",
  "json_build_object('a', $)",
  "quote_literal($)",
  '$ collate "C"',
  "substring($ from 1)",
  "left($, 30)",
  "length($)",
  "md5($)",
  "encode($::bytea, 'hex')",
  "string_agg($, ',')",
  "max($)",
  "min($) over ()",
  "array_agg($)",
  "jsonb_agg($)",
  "json_object_agg(1, $)",
  "regexp_replace($, 'x', 'y')",
  "string_to_table($, '-')",
  "unnest(array[$])",
  "xmlelement(name a, $)",
  "first_value($) over ()",
  "$ like '%k%'",
  "hashtext($)",
  "ascii($)",
  "$ is distinct from 'x'",
  "($, 1)",
  "percentile_disc(0.5) within group (order by $)",
  "count($)",
  "any_value($)",
  "$::regclass",
  "$::regrole",
  "$::int",
  "$::date",
  "to_date($, 'YYYY')",
  "('{' || $)::json",
  "current_setting($)",
  "to_regclass($)",
  "has_schema_privilege($, 'usage')",
  "$::regtype",
  "$::tsvector",
  "$::name",
  "bit_length($)",
  "$::char(3)",
  "pg_typeof($)",
  "ctid",
  "tableoid::regclass",
];

const OF_ROW: readonly string[] = [
  "%",
  "%.*",
  "(%).email",
  "(%).*",
  "%::text",
  "row_to_json(%)",
  "to_jsonb(%)",
  "json_agg(%)",
  "array_agg(%)",
  "row(%.*)",
  "(%.*)::text",
  "concat(%)",
  "format('%%s', %)",
  "%.row_to_json",
  "%.to_jsonb",
  "(%).row_to_json",
  "md5(%::text)",
  "jsonb_each_text(to_jsonb(%))",
  "to_json(%) ->> 'email'",
  "count(%)",
  "(select %)",
  "xmlforest(%)",
  "num_nulls(%)",
  "% is null",
  "hash_record(%)",
  "jsonb_path_query(to_jsonb(%), '$.email')",
];

/** `@` is the output, `#` the FROM clause. */
const WRAPPERS: readonly string[] = [
  "select @ from #",
  "select distinct @ from #",
  "select @ from # order by 1 limit 5",
  "select @ as e from # union select 'x'",
  "select * from (select @ as e from #) q",
  "with q as (select @ as e from #) select e from q",
  "with q as materialized (select @ as e from #) select q from q",
  "select (select @ from # limit 1)",
  "select array(select @ from #)",
  "select json_agg(q) from (select @ as e from #) q",
  "select q.e from one, lateral (select @ as e from #) q",
  "values ((select @ from # limit 1))",
  "copy (select @ from #) to stdout",
  "explain (analyze, costs off, timing off, summary off, buffers off) select @ from #",
  "select 1 as one, @ from #, one",
  "select string_agg(q::text, ',') from (select @ from #) q",
  "select count(*) from (select @ from #) q",
];

export interface Form {
  readonly text: string;
  /** The same over a table where nothing is masked. */
  readonly twin: string;
}

export function forms(): Form[] {
  return SOURCES.flatMap((source) => {
    const column = (source.column ?? ((name) => `${source.row}.${name}`))("email");
    const outputs = [
      ...OF_COLUMN.map((each) => each.replaceAll("$", () => column)),
      ...OF_ROW.map((each) => each.replaceAll(/%(?!s)/g, () => source.row).replaceAll("%%s", "%s")),
    ];
    return outputs.flatMap((output) =>
      WRAPPERS.map((wrapper) =>
        formOf(
          source,
          wrapper.replace("@", () => output),
        ),
      ),
    );
  });
}

function formOf({ from, before }: Source, wrapped: string): Form {
  const text = wrapped.replace("#", () => from);
  const whole =
    before === undefined
      ? text
      : text.replace(/^(?:copy \(|explain \(.*?\) )?/, (head) => `${head}${before} `);
  return {
    text: whole,
    twin: whole.replaceAll(/people/g, "public_people").replaceAll("view_of_view", "public_view"),
  };
}
