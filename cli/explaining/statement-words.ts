/** What a statement does, in words and without a single literal of it. */
import type { Access, Call, RelationName, StatementFacts } from "#core/statements/postgres/facts.ts";

/** What is wanted of a policy, one line each: `read  public.orders  every row`. */
export type Row = readonly [what: string, on: string, note: string];

export function statementRows(statement: StatementFacts): readonly Row[] {
  return [
    ...unique(statement.accesses.map(accessRow)),
    ...unique(statement.calls.map(callRow)),
    ...unique(statement.doubts.map(({ code, text }): Row => ["unclear", text, code])),
  ];
}

function accessRow({ verb, relation, unfiltered }: Access): Row {
  return [
    verb,
    relation === undefined ? "" : relationText(relation),
    relation && unfiltered ? "every row" : "",
  ];
}

function callRow({ kind, schemas, name }: Call): Row {
  const note = "not known to be harmless";
  const [only, ...others] = schemas;
  if (only !== undefined && others.length === 0) return ["run", `${kind} ${part(only)}.${part(name)}`, note];
  return ["run", `${kind} ${part(name)}`, `${note}; could come from ${schemas.map(part).join(", ")}`];
}

function relationText({ schema, name }: RelationName): string {
  return `${part(schema)}.${part(name)}`;
}

function part(name: string): string {
  return name === "*" || /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

function unique(rows: readonly Row[]): readonly Row[] {
  return [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()];
}
