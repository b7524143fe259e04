import type { RelationName } from "#core/statements/postgres/facts.ts";
import type { Session } from "#tools/postgres/client.ts";

/** The relations of a database and what reading one of them lets the server open as well. */
export interface RelationGraph {
  /** Undefined for an oid that the database did not have when the graph was read. */
  nameOf(oid: number): string | undefined;
  /** Oids of the named relations and of everything that may be opened for their sake. */
  reachableFrom(names: readonly RelationName[]): ReadonlySet<number>;
}

export async function readGraph(session: Session): Promise<RelationGraph> {
  const relations = (await session.query(RELATIONS)) as unknown as readonly Relation[];
  const edges = (await session.query(EDGES)) as unknown as readonly Edge[];
  const names = new Map(relations.map(({ oid, schema, name }) => [oid, `${schema}.${name}`]));
  const next = new Map<number, number[]>();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  return {
    nameOf: (oid) => names.get(oid),
    reachableFrom(wanted) {
      const queue = relations
        .filter((relation) => wanted.some((name) => covers(name, relation)))
        .map(({ oid }) => oid);
      const reached = new Set<number>(queue);
      for (let oid = queue.pop(); oid !== undefined; oid = queue.pop()) {
        for (const found of next.get(oid) ?? []) {
          if (reached.has(found)) continue;
          reached.add(found);
          queue.push(found);
        }
      }
      return reached;
    },
  };
}

interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
}

interface Edge {
  readonly from: number;
  readonly to: number;
}

function covers(wanted: RelationName, { schema, name }: Relation): boolean {
  return (wanted.schema === "*" || wanted.schema === schema) && (wanted.name === "*" || wanted.name === name);
}

// node-postgres gives oids as numbers; `::int` is not needed and would overflow.
const RELATIONS = `
  select c.oid, n.nspname as schema, c.relname as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace`;

/**
 * A view opens what its rule names, a table its children, indexes and toast table; nothing opens its parent. The rule
 * itself, and the body of the SQL functions that it calls, are read because pg_depend leaves out what initdb made, and so what system views are made of.
 */
const EDGES = `
  select r.ev_class as "from", named[1]::oid as "to" from pg_rewrite r,
    regexp_matches(r.ev_action::text, ':relid (\\d+)', 'g') as named
  union select r.ev_class, named[1]::oid from pg_rewrite r,
    regexp_matches(r.ev_action::text, ':funcid (\\d+)', 'g') as called, pg_proc p,
    regexp_matches(p.prosqlbody::text, ':relid (\\d+)', 'g') as named where p.oid = called[1]::oid
  union select inhparent, inhrelid from pg_inherits
  union select indrelid, indexrelid from pg_index
  union select oid, reltoastrelid from pg_class where reltoastrelid <> 0`;
