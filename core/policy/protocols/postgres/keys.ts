/** What rules and demands of PostgreSQL are looked up by: the relation or the code that both name. */
import { type Demand, type Matcher, codeName } from "./matcher.ts";
import { EVERY } from "./names.ts";
import type { NamePattern } from "./patterns.ts";

/** Names hold no NUL, so that a key is one name and nothing else. */
const SEPARATOR = "\0";

export function keysOfRule({ verbs, tables, functions, forwards }: Matcher): readonly string[] | undefined {
  const speaksOfAccesses = verbs !== 0;
  if (forwards || (speaksOfAccesses && tables === undefined)) return undefined;
  const relations = speaksOfAccesses && tables ? keysOfNames("relation", tables) : [];
  const code = functions ? keysOfNames("code", functions) : [];
  return relations && code && [...relations, ...code];
}

export function keysOfDemand(demand: Demand): readonly string[] | undefined {
  switch (demand.kind) {
    case "access": {
      const { relation } = demand.access;
      // Without a relation only rules without tables speak of it, and those have no keys.
      if (relation === undefined) return [];
      const { schema, name } = relation;
      return schema === EVERY || name === EVERY ? undefined : keysOfName("relation", schema, name);
    }
    case "call": {
      const name = codeName(demand.call);
      const { schemas } = demand.call;
      if (name === EVERY || schemas.includes(EVERY)) return undefined;
      return schemas.flatMap((schema) => keysOfName("code", schema, name));
    }
    case "doubt":
      return undefined;
  }
}

type Family = "relation" | "code";

/** Undefined when a pattern has no schema to be filed under. */
function keysOfNames(family: Family, patterns: readonly NamePattern[]): readonly string[] | undefined {
  const keys: string[] = [];
  for (const { schema, name } of patterns) {
    if (schema.kind === "any") return undefined;
    keys.push(key(family, schema.text, name.kind === "any" ? EVERY : name.text));
  }
  return keys;
}

function keysOfName(family: Family, schema: string, name: string): readonly string[] {
  return [key(family, schema, name), key(family, schema, EVERY)];
}

function key(family: Family, schema: string, name: string): string {
  return family + SEPARATOR + schema + SEPARATOR + name;
}
