/** What a name in the text may mean in this session: relations by search path, functions, operators and types by harm. */
import type { Harm } from "./catalog.ts";
import type { Call, RelationName } from "./facts.ts";
import { externalFunction } from "./functions.ts";
import type { Work } from "./work.ts";

/** Every relation that the name may be. An unqualified one is judged as the permanent relations it could be. */
export function relationsNamed(work: Work, schema: string | undefined, name: string): RelationName[] {
  if (isOdd(work, schema, name)) return [];
  if (schema !== undefined) {
    doubtStorage(work, schema);
    return [{ schema, name }];
  }
  doubtUnknownPath(work, "a relation");
  const found = new Map<string, RelationName>();
  for (const path of work.flow.paths) {
    for (const relation of onPath(work, path, name)) found.set(relation.schema, relation);
  }
  for (const each of found.keys()) doubtStorage(work, each);
  return [...found.values()];
}

/** A relation there holds the long values of another one, and its name does not tell of which. */
function doubtStorage(work: Work, schema: string): void {
  if (schema === "pg_toast" || schema.startsWith("pg_toast_temp")) {
    work.doubt(
      "EXTERNAL_DATA",
      "names a TOAST table, which holds the values of whatever relation it belongs to",
    );
  }
}

/** Where CREATE puts a new object: the first schema of the path, or the session's temporary one. */
export function relationCreated(
  work: Work,
  schema: string | undefined,
  name: string,
  temporary = false,
): RelationName[] {
  if (isOdd(work, schema, name)) return [];
  if (temporary) return [{ schema: "pg_temp", name }];
  if (schema !== undefined) return [{ schema, name }];
  doubtUnknownPath(work, "a relation");
  const schemas = new Set<string>();
  for (const path of work.flow.paths) {
    const first = path[0];
    if (first === undefined)
      work.doubt("ODD_NAME", "creates something while no schema is on the search path");
    else schemas.add(first);
  }
  return [...schemas].map((each) => ({ schema: each, name }));
}

/** An object that is not a relation but lives in a schema: a type, a function, a dictionary. */
export function objectsNamed(work: Work, schema: string | undefined, name: string): RelationName[] {
  if (isOdd(work, schema, name)) return [];
  if (schema !== undefined) return [{ schema, name }];
  doubtUnknownPath(work, "an object");
  const schemas = new Set(work.flow.paths.flat());
  if (schemas.size === 0) work.doubt("ODD_NAME", "names something while no schema is on the search path");
  return [...schemas].map((each) => ({ schema: each, name }));
}

/** Notes a call unless every object that the name could mean is harmless. */
export function called(work: Work, kind: Call["kind"], schema: string | undefined, name: string): void {
  if (kind === "function") doubtExternal(work, schema, name);
  if (schema === undefined) doubtUnknownPath(work, `a ${kind}`);
  if (harmOf(work, kind, schema, name) === "harmless") return;
  doubtUnread(work, kind, name);
  work.facts.call({ kind, schemas: schemasOf(work, kind, schema, name), name });
}

/** `x.f` may be a column or the function f of x: a call only when such a function is known and not harmless. */
export function calledAsAttribute(work: Work, name: string): void {
  doubtExternal(work, undefined, name);
  if (harmOf(work, "function", undefined, name) !== "unknown") return;
  doubtUnread(work, "function", name);
  work.facts.call({ kind: "function", schemas: schemasOf(work, "function", undefined, name), name });
}

/** Whether a function of that name is known, harmless or not. */
export const isFunction = (work: Work, name: string): boolean =>
  harmOf(work, "function", undefined, name) !== "absent";

/** Whoever reads the refusal should look at the gateway's view of the database, not for a rule. */
function doubtUnread(work: Work, kind: Call["kind"], name: string): void {
  const { problem } = work.context.catalog;
  if (problem === undefined) return;
  work.doubt("CATALOG_UNREADABLE", `uses the ${kind} ${name}, which cannot be looked up: ${problem}`);
}

/** Whether the name of a function of PostgreSQL's own means that one and nobody else's. */
export function isOnlyStock(work: Work, schema: string | undefined, name: string): boolean {
  if (schema === "pg_catalog") return true;
  if (work.flow.pathUnknown) return false;
  const others = work.flow.paths.flat().filter((each) => each !== "pg_catalog");
  return others.every((each) => harmOf(work, "function", each, name) === "absent");
}

export function doubtUnknownPath(work: Work, what: string): void {
  if (!work.flow.pathUnknown) return;
  work.doubt(
    "SEARCH_PATH_CHANGED",
    `${what} is named without its schema after the search path may have changed; qualify it or send it on its own`,
  );
}

function onPath(work: Work, path: readonly string[], name: string): RelationName[] {
  const candidates: RelationName[] = [];
  let searched = false;
  for (const schema of path.includes("pg_catalog") ? path : ["pg_catalog", ...path]) {
    // Nobody can create in pg_catalog: what a stale catalog says of it still holds.
    const stale = work.flow.relationsChanged && schema !== "pg_catalog";
    const known = stale ? undefined : work.context.catalog.hasRelation(schema, name);
    searched ||= schema !== "pg_catalog";
    if (known === false) continue;
    if (known === undefined && schema === "pg_catalog") continue;
    candidates.push({ schema, name });
    if (known === true) return candidates;
  }
  if (candidates.length > 0) return candidates;
  if (!searched) work.doubt("ODD_NAME", "names a relation without its schema while the search path is empty");
  // The catalog shows no permanent one: a temporary relation is left, or one that was made since the catalog was read.
  return ["pg_temp", ...path.filter((schema) => schema !== "pg_catalog")].map((schema) => ({ schema, name }));
}

function harmOf(work: Work, kind: Call["kind"], schema: string | undefined, name: string): Harm {
  const { catalog } = work.context;
  let worst: Harm = "harmless";
  // With its schema the name is the same under every path.
  for (const path of schema === undefined ? work.flow.paths : [[]]) {
    const harm =
      kind === "function"
        ? catalog.functionHarm(schema, name, path)
        : kind === "operator"
          ? catalog.operatorHarm(schema, name, path)
          : catalog.typeHarm(schema, name, path);
    if (harm === "unknown") return "unknown";
    if (harm === "absent") worst = "absent";
  }
  return worst;
}

/** The schemas that hold such a name; every one on the path when none is known to. */
function schemasOf(work: Work, kind: Call["kind"], schema: string | undefined, name: string): string[] {
  if (schema !== undefined) return [schema];
  const all = new Set(["pg_catalog", ...work.flow.paths.flat()]);
  const holding = [...all].filter((each) => harmOf(work, kind, each, name) !== "absent");
  if (holding.length > 0) return holding;
  all.delete("pg_catalog");
  return all.size > 0 ? [...all] : ["pg_catalog"];
}

function doubtExternal(work: Work, schema: string | undefined, name: string): void {
  const external = externalFunction(schema, name);
  if (external !== undefined) work.doubt(external.code, `${name} ${external.does}`);
}

/** `"*"` is our word for "every one": a relation that is really called so must not pass for it. */
function isOdd(work: Work, schema: string | undefined, name: string): boolean {
  if (schema !== "*" && name !== "*") return false;
  work.doubt("ODD_NAME", "names a relation or schema that is called “*”");
  return true;
}
