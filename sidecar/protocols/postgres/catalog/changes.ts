/** What a request may have done to the catalog, as far as its facts tell. */
import type { Catalog } from "#core/statements/postgres/catalog.ts";
import type { Call, PostgresRequest, RelationName, StatementVerb } from "#core/statements/postgres/facts.ts";
import { keyOf } from "#core/statements/postgres/live.ts";
import type { Reading } from "./reading.ts";
import type { Unsettled } from "./resolver.ts";

/** Relations that it names, or may name, none of which the catalog shows: somebody may just have made them. */
export function namesUnknown(request: PostgresRequest, names: Catalog): boolean {
  if (allKnown.get(request) === names) return false;
  const relations = request.statements.flatMap(({ accesses }) =>
    // What is made by the statement itself is never known before.
    accesses.flatMap(({ verb, relation }) => (verb === "ddl" || relation === undefined ? [] : relation)),
  );
  // A name that could be several relations is known when one of those exists, or may exist.
  const known = new Set<string>();
  for (const { schema, name } of relations)
    if (schema === "*" || name === "*" || names.hasRelation(schema, name) !== false) known.add(name);
  const isUnknown = relations.some(({ name }) => !known.has(name));
  if (!isUnknown) allKnown.set(request, names);
  return isUnknown;
}

/** Requests are kept and asked about again and again. */
const allKnown = new WeakMap<PostgresRequest, Catalog>();

const CHANGING: ReadonlySet<StatementVerb> = new Set(["ddl", "dcl", "admin"]);

/** `stock`: where nobody knows what code there is, what PostgreSQL has of that name is taken to be meant. */
export function mayChange(
  { statements }: PostgresRequest,
  reading: Reading | undefined,
  stock?: Catalog,
): boolean {
  return statements.some(
    ({ doubts, accesses, calls }) =>
      doubts.length > 0 ||
      accesses.some(({ verb }) => CHANGING.has(verb)) ||
      calls.some((call) => changes(call, reading, stock)),
  );
}

/** Code of PostgreSQL's own changes no relation; that of a user only where it is VOLATILE. */
function changes({ kind, schemas, name }: Call, reading?: Reading, stock?: Catalog): boolean {
  if (stock?.[HARM[kind]](undefined, name, []) === "harmless") return false;
  return schemas.some((schema) => reading?.changers?.has(keyOf({ schema, name })) ?? schema !== "pg_catalog");
}

const HARM = { function: "functionHarm", operator: "operatorHarm", type: "typeHarm" } as const;

/** The relations that it names; `anything` where it may have changed others as well. */
export function mentioned(
  { statements }: PostgresRequest,
  reading: Reading | undefined,
  stock?: Catalog,
): Exclude<Unsettled, undefined> {
  const relations: RelationName[] = [];
  for (const { doubts, accesses, calls } of statements) {
    if (doubts.length > 0 || calls.some((call) => changes(call, reading, stock))) return "anything";
    for (const { verb, relation } of accesses)
      if (verb === "ddl" && relation !== undefined) relations.push(relation);
  }
  return { relations };
}
