/** What a request may have done to the catalog, as far as its facts tell. */
import type { Call, PostgresRequest, RelationName, StatementVerb } from "#core/statements/postgres/facts.ts";
import { keyOf } from "#core/statements/postgres/live.ts";
import type { Reading } from "./reading.ts";
import type { Unsettled } from "./resolver.ts";

const CHANGING: ReadonlySet<StatementVerb> = new Set(["ddl", "dcl", "admin"]);

export function mayChange({ statements }: PostgresRequest, reading: Reading | undefined): boolean {
  return statements.some(
    ({ doubts, accesses, calls }) =>
      doubts.length > 0 ||
      accesses.some(({ verb }) => CHANGING.has(verb)) ||
      calls.some((call) => changes(call, reading)),
  );
}

/** Code of PostgreSQL's own changes no relation; that of a user only where it is VOLATILE. */
function changes({ schemas, name }: Call, reading: Reading | undefined): boolean {
  return schemas.some((schema) => reading?.changers?.has(keyOf({ schema, name })) ?? schema !== "pg_catalog");
}

/** The relations that it names; `anything` where it may have changed others as well. */
export function mentioned(
  { statements }: PostgresRequest,
  reading: Reading | undefined,
): Exclude<Unsettled, undefined> {
  const relations: RelationName[] = [];
  for (const { doubts, accesses, calls } of statements) {
    if (doubts.length > 0 || calls.some((call) => changes(call, reading))) return "anything";
    for (const { verb, relation } of accesses)
      if (verb === "ddl" && relation !== undefined) relations.push(relation);
  }
  return { relations };
}
