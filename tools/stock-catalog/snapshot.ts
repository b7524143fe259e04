import { POSTGRES_VERSIONS, type PostgresVersion } from "#tools/postgres/binaries.ts";
import { connect, type Session } from "#tools/postgres/client.ts";
import { startPostgres } from "#tools/postgres/server.ts";

export interface StockFunction {
  readonly schema: string;
  readonly name: string;
  readonly volatility: "immutable" | "stable" | "volatile";
  /** Argument types, then the type of the result. */
  readonly types: readonly string[];
}

export interface Snapshot {
  readonly version: PostgresVersion;
  readonly functions: readonly StockFunction[];
  /** With the name of the function behind each; stock operators all live in pg_catalog. */
  readonly operators: readonly {
    readonly name: string;
    readonly functionName: string;
    readonly types: readonly string[];
  }[];
  readonly types: readonly { readonly schema: string; readonly name: string }[];
  readonly relations: readonly { readonly schema: string; readonly name: string }[];
}

/** Every supported version as initdb leaves it. */
export async function takeSnapshots(): Promise<readonly Snapshot[]> {
  const snapshots: Snapshot[] = [];
  for (const version of POSTGRES_VERSIONS) {
    await using server = await startPostgres({ version });
    await using session = await connect(server);
    snapshots.push(await takeSnapshot(version, session));
  }
  return snapshots;
}

export async function takeSnapshot(version: PostgresVersion, session: Session): Promise<Snapshot> {
  return {
    version,
    functions: await rows(session, FUNCTIONS),
    operators: await rows(session, OPERATORS),
    types: await rows(session, TYPES),
    relations: await rows(session, RELATIONS),
  };
}

async function rows<T>(session: Session, query: string): Promise<readonly T[]> {
  return (await session.query(query)) as readonly T[];
}

const OURS = "in ('pg_catalog', 'information_schema')";

const FUNCTIONS = `
  select n.nspname as schema, p.proname as name,
         case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end as volatility,
         array(select format_type(t, null) from unnest(p.proargtypes::oid[] || p.prorettype) t) as types
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname ${OURS} order by 1, 2, p.oid`;

const OPERATORS = `
  select o.oprname as name, p.proname as "functionName",
         array(select format_type(t, null) from unnest(p.proargtypes::oid[] || p.prorettype) t) as types
  from pg_operator o join pg_proc p on p.oid = o.oprcode join pg_namespace n on n.oid = p.pronamespace
  where o.oprnamespace = 'pg_catalog'::regnamespace and n.nspname = 'pg_catalog' order by 1, o.oid`;

// Row types of relations are left out: nobody needs to name pg_authid as a type.
const TYPES = `
  select n.nspname as schema, t.typname as name
  from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_type e on e.oid = t.typelem
  where n.nspname ${OURS} and t.typtype <> 'c' and coalesce(e.typtype, 'b') <> 'c'
  order by 1, 2`;

const RELATIONS = `
  select n.nspname as schema, c.relname as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname ${OURS} and c.relkind in ('r', 'v') order by 1, 2`;
