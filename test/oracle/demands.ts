import type { Access, StatementFacts } from "#core/statements/postgres/facts.ts";

/**
 * What `candidate` asks of a policy less than `original` does; empty when any policy that lets the candidate pass lets
 * the original pass as well. A doubt is the most that can be asked, since only `statements: any` allows it.
 */
export function concessions(
  original: readonly StatementFacts[],
  candidate: readonly StatementFacts[],
): readonly string[] {
  const asked = demandsOf(candidate);
  if (asked.doubts.size > 0) return [];
  const wanted = demandsOf(original);
  return [
    ...missing(wanted.doubts, asked.doubts, "the doubt"),
    ...missing(wanted.calls, asked.calls, "the call"),
    ...missing(wanted.accesses, asked.accesses, "the access"),
    ...missing(wanted.columns, asked.columns, "the column"),
  ];
}

interface Demands {
  readonly doubts: ReadonlySet<string>;
  readonly calls: ReadonlySet<string>;
  readonly accesses: ReadonlySet<string>;
  readonly columns: ReadonlySet<string>;
}

function demandsOf(statements: readonly StatementFacts[]): Demands {
  return {
    doubts: new Set(statements.flatMap(({ doubts }) => doubts.map(({ code }) => code))),
    calls: new Set(
      statements.flatMap(({ calls }) =>
        calls.flatMap(({ kind, schemas, name }) => schemas.map((schema) => `${kind} ${schema}.${name}`)),
      ),
    ),
    accesses: new Set(statements.flatMap(({ accesses }) => accesses.flatMap(accessDemands))),
    columns: new Set(),
  };
}

/** An unfiltered access asks for what a filtered one asks for, and more. */
function accessDemands({ verb, relation, unfiltered }: Access): readonly string[] {
  const act = relation === undefined ? verb : `${verb} ${relation.schema}.${relation.name}`;
  return unfiltered ? [act, `${act} unfiltered`] : [act];
}

function missing(wanted: ReadonlySet<string>, asked: ReadonlySet<string>, what: string): readonly string[] {
  return [...wanted].filter((item) => !asked.has(item)).map((item) => `${what} ${item} is gone`);
}
