import type { Row, Session } from "#tools/postgres/client.ts";

export interface StockOverload {
  readonly name: string;
  /** `f` function, `a` aggregate, `w` window function. */
  readonly kind: string;
  readonly variadic: boolean;
  readonly argumentTypes: readonly string[];
}

export async function stockOverloads(session: Session): Promise<readonly StockOverload[]> {
  const rows: readonly Row[] = await session.query(`
    select proname as name, prokind as kind, provariadic <> 0 and provariadic <> '"any"'::regtype as variadic,
           array(select format_type(t, null) from unnest(proargtypes::oid[]) t) as "argumentTypes"
    from pg_proc where pronamespace = 'pg_catalog'::regnamespace order by oid`);
  return rows as unknown as readonly StockOverload[];
}

const CALLS_MAX = 100;

/** Calls of one overload: every combination of what its argument types have to offer, thinned out evenly to a bound. */
export function callsOf(overload: StockOverload): readonly string[] {
  const choices = overload.argumentTypes.map((type) => SAMPLES[type] ?? [`null::${type}`]);
  const combinations = choices.reduce((product, { length }) => product * length, 1);
  const step = Math.max(1, combinations / CALLS_MAX);
  const count = Math.min(combinations, CALLS_MAX);
  return Array.from({ length: count }, (_, nr) =>
    callOf(overload, combination(choices, Math.floor(nr * step))),
  );
}

function combination(choices: readonly (readonly string[])[], index: number): string[] {
  let rest = index;
  return choices.map((samples) => {
    const sample = samples[rest % samples.length] ?? "null";
    rest = Math.floor(rest / samples.length);
    return sample;
  });
}

function callOf({ name, kind, variadic }: StockOverload, values: readonly string[]): string {
  const listed = variadic ? [...values.slice(0, -1), `variadic ${values.at(-1)}`] : values;
  return `select pg_catalog."${name}"(${listed.join(", ")})${kind === "w" ? " over ()" : ""}`;
}

const texts = [
  "public.guarded",
  "public.tripwire",
  "select value from public.guarded",
  "1",
  "select",
  "value",
  "usage",
  "g",
  "hour",
  "[]",
  "postgres",
];
const oids = ["'public.guarded'::regclass", "'public.tripwire'::regtype", "'public.guarded_view'::regclass"];
const quoted = (values: readonly string[], type: string): string[] =>
  values.map((value) => `'${value}'::${type}`);

/** Values that lead to what is guarded wherever a type can lead there, and one plain value for each other type. */
const SAMPLES: Readonly<Record<string, readonly string[]>> = {
  text: quoted(texts, "text"),
  name: quoted(["postgres", "guarded", "utf8"], "name"),
  "character varying": quoted(texts, "varchar"),
  character: ["'a'::bpchar"],
  '"char"': [`'r'::"char"`],
  oid: oids.map((value) => `${value}::oid`),
  regclass: [
    "'public.guarded'::regclass",
    "'public.guarded_view'::regclass",
    "'public.guarded_sequence'::regclass",
  ],
  regtype: ["'public.tripwire'::regtype"],
  regproc: ["'public.trip'::regproc"],
  regprocedure: ["'public.trip()'::regprocedure"],
  regnamespace: ["'public'::regnamespace"],
  regrole: ["'postgres'::regrole"],
  regconfig: ["'english'::regconfig"],
  regdictionary: ["'simple'::regdictionary"],
  refcursor: ["'guarded'::refcursor"],
  smallint: ["1::int2"],
  integer: ["1"],
  bigint: ["1::int8"],
  real: ["1::float4"],
  "double precision": ["0.5::float8", "2::float8"],
  numeric: ["1::numeric", "2.5::numeric"],
  money: ["1::money"],
  boolean: ["true"],
  bytea: ["'a'::bytea"],
  json: [`'{"a": [1]}'::json`],
  jsonb: [`'{"a": [1]}'::jsonb`, `'["all"]'::jsonb`],
  jsonpath: ["'$.a'::jsonpath"],
  xml: ["'<a/>'::xml"],
  uuid: ["'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid"],
  date: ["'2026-01-01'::date"],
  "time without time zone": ["'12:00'::time"],
  "time with time zone": ["'12:00+00'::timetz"],
  "timestamp without time zone": ["'2026-01-01'::timestamp"],
  "timestamp with time zone": ["'2026-01-01'::timestamptz"],
  interval: ["'1 hour'::interval"],
  inet: ["'10.0.0.1'::inet"],
  cidr: ["'10.0.0.0/8'::cidr"],
  macaddr: ["'08:00:2b:01:02:03'::macaddr"],
  macaddr8: ["'08:00:2b:01:02:03:04:05'::macaddr8"],
  bit: ["B'1'::bit"],
  "bit varying": ["B'1'::varbit"],
  point: ["'(1,1)'::point"],
  box: ["'(2,2),(1,1)'::box"],
  path: ["'[(1,1),(2,2)]'::path"],
  polygon: ["'((1,1),(2,2),(1,2))'::polygon"],
  circle: ["'<(1,1),1>'::circle"],
  lseg: ["'[(1,1),(2,2)]'::lseg"],
  line: ["'{1,1,1}'::line"],
  tid: ["'(0,1)'::tid"],
  xid: ["'3'::xid"],
  xid8: ["'3'::xid8"],
  cid: ["'1'::cid"],
  pg_lsn: ["'0/1'::pg_lsn"],
  pg_snapshot: ["'3:4:'::pg_snapshot"],
  txid_snapshot: ["'3:4:'::txid_snapshot"],
  tsvector: ["'a:1'::tsvector"],
  tsquery: ["'a'::tsquery"],
  aclitem: ["'postgres=r/postgres'::aclitem"],
  oidvector: ["'1 2'::oidvector"],
  int2vector: ["'1 2'::int2vector"],
  record: ["row(1, 'a')", "(select g from (values (1)) g)"],
  '"any"': ["1", "'a'::text"],
  anyelement: ["1", "'a'::text", "'red'::public.colour"],
  anynonarray: ["1"],
  anyarray: ["array[1]", "array['a']"],
  anyenum: ["'red'::public.colour"],
  anyrange: ["int4range(1, 2)"],
  anymultirange: ["int4multirange(int4range(1, 2))"],
  anycompatible: ["1"],
  anycompatiblearray: ["array[1]"],
  anycompatiblenonarray: ["1"],
  anycompatiblerange: ["int4range(1, 2)"],
  anycompatiblemultirange: ["int4multirange(int4range(1, 2))"],
  int4range: ["int4range(1, 2)"],
  int8range: ["int8range(1, 2)"],
  numrange: ["numrange(1, 2)"],
  daterange: ["daterange('2026-01-01', '2026-01-02')"],
  tsrange: ["tsrange('2026-01-01', '2026-01-02')"],
  tstzrange: ["tstzrange('2026-01-01', '2026-01-02')"],
  "text[]": ["array['public.guarded', 'public.tripwire']"],
  "integer[]": ["array[1]"],
  "bigint[]": ["array[1::int8, 2]"],
  "smallint[]": ["array[1::int2]"],
  '"char"[]': [`array['a'::"char"]`],
  "real[]": ["array[1, 1, 1, 1]::float4[]"],
  "int4range[]": ["array[int4range(1, 2)]"],
  "double precision[]": ["array[0.5::float8]"],
  "numeric[]": ["array[1::numeric]"],
  "xid8[]": ["array['3'::xid8]"],
  "aclitem[]": ["array['postgres=r/postgres'::aclitem]"],
  "jsonb[]": [`array['{"a": 1}'::jsonb]`],
};
