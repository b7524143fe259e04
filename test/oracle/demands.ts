import type { Access, StatementFacts } from "#core/statements/postgres/facts.ts";

/**
 * What `candidate` asks of a policy less than `original` does; empty when whatever lets the candidate pass lets the
 * original pass as well. A doubt is the most that can be asked, since only `statements: any` allows it.
 */
export function concessions(
  original: readonly StatementFacts[],
  candidate: readonly StatementFacts[],
): readonly string[] {
  const asked = demandsOf(candidate);
  if (candidate.some(({ doubts }) => doubts.length > 0)) return [];
  return [...demandsOf(original)].filter((demand) => !asked.has(demand));
}

function demandsOf(statements: readonly StatementFacts[]): ReadonlySet<string> {
  return new Set(
    statements.flatMap(({ accesses, calls, doubts }) => [
      ...doubts.map(({ code }) => `doubt ${code}`),
      ...calls.flatMap(({ kind, schemas, name }) => schemas.map((schema) => `${kind} ${schema}.${name}`)),
      ...accesses.flatMap(accessDemands),
    ]),
  );
}

/** An unfiltered access asks for all that a filtered one asks for, and more. */
function accessDemands({ verb, relation, unfiltered }: Access): readonly string[] {
  const act = relation === undefined ? verb : `${verb} ${relation.schema}.${relation.name}`;
  return unfiltered ? [act, `${act} unfiltered`] : [act];
}
