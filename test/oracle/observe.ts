import type { Row } from "#tools/postgres/client.ts";
import type { World } from "./world.ts";

/** What the server was seen to do for a statement. */
export interface Observation {
  /** `ran`, or only `planned` by EXPLAIN because running it failed, or `failed` before anything was opened. */
  readonly how: "ran" | "planned" | "failed";
  readonly error?: string;
  /** Oids of relations that it holds locks on, with the mode. */
  readonly locks: readonly { readonly oid: number; readonly mode: string }[];
  /** Anything but a lock on a relation that stays, and a transaction id: signs of a write or of a wait for others. */
  readonly marks: readonly string[];
}

/** Runs a text in a transaction that is rolled back, and looks from outside at what it holds before that. */
export async function observe(
  world: World,
  sql: string,
  searchPath: readonly string[],
): Promise<Observation> {
  const run = await attempt(world, sql, searchPath);
  if (typeof run !== "string") return { how: "ran", ...run };
  const plan = await attempt(world, `explain ${sql}`, searchPath);
  if (typeof plan !== "string") return { how: "planned", error: run, ...plan };
  return { how: "failed", error: run, locks: [], marks: [] };
}

type Holdings = Pick<Observation, "locks" | "marks">;

async function attempt(world: World, sql: string, searchPath: readonly string[]): Promise<Holdings | string> {
  const path = searchPath.map((schema) => `"${schema.replaceAll('"', '""')}"`).join(", ");
  await world.agent.query(`begin; set local search_path = ${path === "" ? "''" : path}`);
  try {
    await world.agent.query(sql);
    return await holdings(world);
  } catch (error) {
    return (error as Error).message;
  } finally {
    // Prepared statements outlive the transaction.
    await world.agent.query("rollback; deallocate all");
  }
}

async function holdings({ observer, agentPid }: World): Promise<Holdings> {
  const rows = await observer.query(
    `select locktype, mode, relation, transactionid is not null as "hasId" from pg_locks where pid = $1 and granted`,
    [agentPid],
  );
  const isRelation = (row: Row): boolean => row["locktype"] === "relation";
  return {
    locks: rows
      .filter(isRelation)
      .map((row) => ({ oid: Number(row["relation"]), mode: String(row["mode"]) })),
    // Every transaction holds its own virtual id; a real one is given at its first write.
    marks: rows
      .filter((row) => !isRelation(row) && row["locktype"] !== "virtualxid")
      .map((row) =>
        row["hasId"] === true ? "a transaction id" : `a lock of type ${String(row["locktype"])}`,
      ),
  };
}

/** Everything in the user's schemas: rows, sequences, large objects. Equal before and after when nothing was written. */
export async function digest({ observer }: World): Promise<string> {
  const tables = await observer.query(
    `select quote_ident(schemaname) || '.' || quote_ident(relname) as name from pg_stat_user_tables order by 1`,
  );
  const parts = tables
    .map(({ name }) => String(name))
    .map(
      (name) =>
        `select '${name}' as n, md5(coalesce(string_agg(t::text, '|' order by t::text), '')) as d from ${name} t`,
    );
  const others = [
    `select schemaname || '.' || sequencename, coalesce(last_value::text, 'unused') from pg_sequences`,
    `select 'large objects', count(*)::text from pg_largeobject_metadata`,
  ];
  return JSON.stringify(await observer.query(`${[...parts, ...others].join(" union all ")} order by 1`));
}
