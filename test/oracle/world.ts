import { readFile } from "node:fs/promises";
import type { Catalog } from "#core/statements/postgres/catalog.ts";
import { type CatalogObject, FIRST_NORMAL_OID, liveCatalog } from "#core/statements/postgres/live.ts";
import { stockCatalog } from "#core/statements/postgres/stock.ts";
import type { PostgresVersion } from "#tools/postgres/binaries.ts";
import { connect, type Session } from "#tools/postgres/client.ts";
import { startPostgres } from "#tools/postgres/server.ts";
import { type RelationGraph, readGraph } from "./graph.ts";

/** A real server with the database that the cases talk about, and two sessions: one to run them, one to watch it. */
export interface World extends AsyncDisposable {
  /** An ordinary role that may do anything with the tables: nothing it fails to do is for want of a privilege. */
  readonly agent: Session;
  readonly agentPid: number;
  readonly observer: Session;
  readonly graph: RelationGraph;
  readonly catalog: Catalog;
}

const SCHEMA = new URL("../statements/schema.sql", import.meta.url);

export async function openWorld(version: PostgresVersion): Promise<World> {
  await using opening = new AsyncDisposableStack();
  const server = opening.use(await startPostgres({ version }));
  const observer = opening.use(await connect(server));
  await observer.query(await readFile(SCHEMA, "utf8"));
  await observer.query(AGENT);
  const agent = opening.use(await connect(server, { user: "agent" }));
  await agent.query("set statement_timeout = '2s'; set lock_timeout = '1s'");
  const graph = await readGraph(observer);
  const catalog = await readCatalog(observer, version);
  const agentPid = Number((await agent.query("select pg_backend_pid() as pid"))[0]?.["pid"]);
  const open = opening.move();
  return { agent, agentPid, observer, graph, catalog, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

const AGENT = `
  create role agent login;
  grant pg_read_all_data, pg_write_all_data to agent;
  do $$ declare s text; begin
    for s in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
      execute format('grant all on schema %I to agent; grant all on all tables in schema %I to agent;
        grant all on all sequences in schema %I to agent; grant all on all routines in schema %I to agent', s, s, s, s);
    end loop;
  end $$`;

export async function readCatalog(session: Session, version: PostgresVersion): Promise<Catalog> {
  const objects = async (
    table: string,
    prefix: string,
    condition: string,
  ): Promise<readonly CatalogObject[]> => {
    const rows = await session.query(`select nspname as schema, ${prefix}name as name from ${table} o
      join pg_namespace n on n.oid = o.${prefix}namespace where ${condition}`);
    return rows as unknown as readonly CatalogObject[];
  };
  const added = `o.oid >= ${FIRST_NORMAL_OID}`;
  // An enum runs no code of a user, unless somebody gave it a cast that does.
  const quiet = `typtype = 'e' and not exists (select from pg_cast
    where castfunc >= ${FIRST_NORMAL_OID} and o.oid in (castsource, casttarget))`;
  const types = await objects("pg_type", "typ", `${added} and not (${quiet})`);
  const enums = await objects("pg_type", "typ", `${added} and ${quiet}`);
  return liveCatalog(stockCatalog(version), {
    relations: await objects("pg_class", "rel", "relkind not in ('i', 'I', 't')"),
    functions: await objects("pg_proc", "pro", added),
    operators: await objects("pg_operator", "opr", added),
    types: [
      ...types.map((type) => ({ ...type, harm: "unknown" }) as const),
      ...enums.map((type) => ({ ...type, harm: "harmless" }) as const),
    ],
  });
}
