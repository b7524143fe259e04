import type { RelationName, StatementFacts } from "#core/statements/postgres/facts.ts";
import type { RelationGraph } from "./graph.ts";
import type { Observation } from "./observe.ts";

/** What analysis claims of a text when it takes it for nothing but reading. */
export interface ReadClaim {
  readonly relations: readonly RelationName[];
}

/** Undefined unless every statement only reads, with nothing in doubt and no code that a rule would have to name. */
export function readClaim(statements: readonly StatementFacts[]): ReadClaim | undefined {
  if (statements.length === 0) return undefined;
  const only = statements.every(
    ({ accesses, calls, doubts }) =>
      doubts.length === 0 &&
      calls.length === 0 &&
      accesses.every(({ verb }) => verb === "read" || verb === "copyOut"),
  );
  if (!only) return undefined;
  const accesses = statements.flatMap((statement) => statement.accesses);
  return { relations: accesses.flatMap(({ relation }) => (relation === undefined ? [] : [relation])) };
}

/** What the server did that the claim does not tell; empty when they agree. */
export function contradictions(claim: ReadClaim, seen: Observation, graph: RelationGraph): readonly string[] {
  const allowed = graph.reachableFrom(claim.relations);
  const opened = seen.locks
    .filter(({ oid }) => !allowed.has(oid))
    .map(({ oid }) => `opened ${graph.nameOf(oid) ?? `a new relation (oid ${oid})`}`);
  const strong = seen.locks
    .filter(({ mode }) => mode !== "AccessShareLock")
    .map(({ oid, mode }) => `took ${mode} on ${graph.nameOf(oid) ?? oid}`);
  return [...opened, ...strong, ...seen.marks.map((mark) => `holds ${mark}`)];
}
