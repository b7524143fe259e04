/** SELECT in all its forms: levels, WITH, FROM, and which reads come out whole. */
import { aliasOf } from "./inner-items.ts";
import { usedWhole } from "./columns.ts";
import type { RelationName } from "./facts.ts";
import { called, relationsNamed } from "./names.ts";
import { collectInto, isLimited, isSummedUp, once, openReads, stillOpen } from "./narrow.ts";
import { namedOperator, tieOperators } from "./operators.ts";
import { as, type Fields, type Node, qualified, stringsOf } from "./tree.ts";
import type { Cte, CteFrame, Deed, Level, Scope, Source, Visitor, Work } from "./work.ts";

/** More items in one FROM than an honest statement has. */
export const SOURCES_MAX = 500;

/** A query wherever its rows go somewhere that we do not follow: what it reads whole is read whole. */
export const visitSelect: Visitor<"SelectStmt"> = (work, stmt, scope) => {
  handOn(selectRows(work, stmt, scope));
};

export const visitSubLink: Visitor<"SubLink"> = (work, link, scope) => {
  if (link.testexpr !== undefined) namedOperator(work, link.operName ? stringsOf(link.operName) : ["="]);
  work.visit(link.testexpr, scope);
  const open = work.rowsOf(link.subselect, { ...scope, condition: false });
  const decidesOnly =
    scope.condition ||
    link.subLinkType === "EXISTS_SUBLINK" ||
    link.subLinkType === "ANY_SUBLINK" ||
    link.subLinkType === "ALL_SUBLINK";
  if (!decidesOnly) handOn(open);
};

export function handOn(reads: readonly Deed[]): void {
  for (const read of reads) read.unfiltered = true;
}

export function selectRows(work: Work, stmt: Fields<"SelectStmt">, scope: Scope): Deed[] {
  if (stmt.intoClause !== undefined) work.facts.classify("ddl");
  work.facts.classify("read");
  const inner = withQueries(work, stmt.withClause, scope);
  const open =
    stmt.op === undefined || stmt.op === "SETOP_NONE"
      ? oneSelect(work, stmt, inner)
      : combined(work, stmt, inner);
  work.visitAs("IntoClause", stmt.intoClause, inner);
  return isLimited(stmt) ? stillOpen(open) : open;
}

/** UNION and its kin: each arm has its own FROM and WHERE, a LIMIT at the end holds for all. */
function combined(work: Work, stmt: Fields<"SelectStmt">, scope: Scope): Deed[] {
  const open: Deed[] = [];
  if (stmt.larg !== undefined) open.push(...selectRows(work, stmt.larg, scope));
  if (stmt.rarg !== undefined) open.push(...selectRows(work, stmt.rarg, scope));
  work.children("SelectStmt", stmt, scope, ["larg", "rarg", "withClause", "intoClause"]);
  return once(open);
}

function oneSelect(work: Work, stmt: Fields<"SelectStmt">, scope: Scope): Deed[] {
  const level = newLevel(scope);
  const here: Scope = { ...scope, level, condition: false };
  fromItems(work, stmt.fromClause, here, level);
  work.visit(stmt.whereClause, { ...here, condition: true });
  work.visit(stmt.havingClause, { ...here, condition: true });
  const done = ["fromClause", "whereClause", "havingClause", "withClause", "intoClause", "lockingClause"];
  work.children("SelectStmt", stmt, here, done);
  for (const clause of stmt.lockingClause ?? []) lockRows(work, as(clause, "LockingClause"), level);
  const open = openReads(level, stmt.whereClause);
  if (isSummedUp(stmt)) return stillOpen(open);
  collectInto(stmt, open);
  return open;
}

export const newLevel = (scope: Scope): Level => ({ sources: [], joins: [], outer: scope.level });

/** FOR UPDATE and its kin lock the named items, or all, and reach into subqueries. */
function lockRows(work: Work, clause: Fields<"LockingClause"> | undefined, level: Level): void {
  const named = (clause?.lockedRels ?? []).map((item) => as(item, "RangeVar")?.relname ?? "");
  for (const source of level.sources) {
    if (named.length > 0 && !named.includes(source.alias ?? "")) continue;
    for (const read of source.reads) {
      const lock = work.facts.deed("lock", read.relation);
      if (source.open.includes(read)) source.open.push(lock);
    }
  }
}

/**
 * A WITH query sees its earlier siblings, under RECURSIVE all of them and itself; a name outside hides none of the
 * relations that the query's own body names.
 */
export function withQueries(work: Work, clause: Fields<"WithClause"> | undefined, scope: Scope): Scope {
  if (clause === undefined) return scope;
  const queries = (clause.ctes ?? []).flatMap((item) => as(item, "CommonTableExpr") ?? []);
  const ctes = queries.map(
    (query): Cte => ({ name: query.ctename ?? "", state: "waiting", open: [], handedOn: false }),
  );
  const frameOf = (members: readonly Cte[]): CteFrame | undefined =>
    members.reduce<CteFrame | undefined>((outer, cte) => ({ cte, outer }), scope.ctes);
  const all = frameOf(ctes);
  for (const [at, query] of queries.entries()) {
    const cte = ctes[at];
    if (cte === undefined) continue;
    const visible = clause.recursive === true ? all : frameOf(ctes.slice(0, at));
    const inner: Scope = { ...scope, ctes: visible, condition: false };
    cte.state = "inside";
    cte.open = work.rowsOf(query.ctequery, inner);
    cte.state = "done";
    if (cte.handedOn) handOn(cte.open);
    work.children("CommonTableExpr", query, inner, ["ctequery"]);
  }
  return { ...scope, ctes: all };
}

export function findCte(scope: Scope, name: string): Cte | undefined {
  for (let frame = scope.ctes; frame !== undefined; frame = frame.outer) {
    if (frame.cte.name === name) return frame.cte;
  }
  return undefined;
}

export function fromItems(work: Work, items: readonly Node[] | undefined, scope: Scope, level: Level): void {
  for (const item of items ?? []) fromItem(work, item, scope, level);
}

/** Adds the items to the level and returns them, for the join above. */
export function fromItem(work: Work, item: Node, scope: Scope, level: Level): Source[] {
  if (level.sources.length >= SOURCES_MAX) {
    work.doubt("TOO_LARGE", "has more items in FROM than analysis follows");
    work.visit(item, { ...scope, bare: "read" });
    return [];
  }
  const join = as(item, "JoinExpr");
  if (join !== undefined) return joined(work, join, scope, level);
  const sample = as(item, "RangeTableSample");
  if (sample !== undefined) {
    sampleMethod(work, sample, scope);
    return sample.relation === undefined ? [] : fromItem(work, sample.relation, scope, level);
  }
  const source = oneSource(work, item, scope);
  level.sources.push(source);
  return [source];
}

function oneSource(work: Work, item: Node, scope: Scope): Source {
  const relation = as(item, "RangeVar");
  if (relation !== undefined) return relationSource(work, relation, scope);
  const subquery = as(item, "RangeSubselect");
  if (subquery !== undefined) {
    const before = work.facts.deeds.length;
    const open = work.rowsOf(subquery.subquery, scope);
    const reads = work.facts.deeds.slice(before).filter((deed) => deed.verb === "read");
    const isValues = (as(subquery.subquery, "SelectStmt")?.valuesLists?.length ?? 0) > 0;
    // Under LATERAL the values may be another item's columns.
    const bounded = isValues && subquery.lateral !== true;
    return { alias: subquery.alias?.aliasname, relations: [], open: [...open], reads, bounded };
  }
  // A function, XMLTABLE, JSON_TABLE, or what a later grammar may add: it brings no relation but what stands inside.
  work.visit(item, { ...scope, bare: "read" });
  return { alias: aliasOf(item), relations: [], open: [], reads: [], bounded: false };
}

/** A sampling method is a function of the internal type, which only a superuser can make: the stock two are safe. */
function sampleMethod(work: Work, sample: Fields<"RangeTableSample">, scope: Scope): void {
  const { schema, name } = qualified(stringsOf(sample.method));
  const isStock = (schema ?? "pg_catalog") === "pg_catalog" && (name === "system" || name === "bernoulli");
  if (!isStock) called(work, "function", schema, name);
  work.children("RangeTableSample", sample, scope, ["relation", "method"]);
}

function relationSource(work: Work, range: Fields<"RangeVar">, scope: Scope): Source {
  const name = range.relname ?? "";
  const alias = range.alias?.aliasname ?? name;
  const cte = range.schemaname === undefined ? findCte(scope, name) : undefined;
  if (cte !== undefined) {
    if (cte.state === "waiting") cte.handedOn = true;
    return { alias, relations: [], open: [...cte.open], reads: [], bounded: false };
  }
  const relations = relationsNamed(work, range.schemaname, name);
  const reads = relations.map((relation) => work.facts.deed("read", relation));
  renamed(work, range.alias, relations);
  return { alias, relations, open: [...reads], reads, bounded: false };
}

/** `orders AS o (a, b)`: the columns that are used go by other names. */
function renamed(work: Work, alias: Fields<"Alias"> | undefined, relations: readonly RelationName[]): void {
  if ((alias?.colnames?.length ?? 0) > 0) usedWhole(work, relations);
}

function joined(work: Work, join: Fields<"JoinExpr">, scope: Scope, level: Level): Source[] {
  // With an alias of its own the join hides its items: it becomes one item of the level above.
  const inside = join.alias === undefined ? level : newLevel(scope);
  const left = join.larg === undefined ? [] : fromItem(work, join.larg, scope, inside);
  const right = join.rarg === undefined ? [] : fromItem(work, join.rarg, scope, inside);
  const byName = join.isNatural === true || (join.usingClause?.length ?? 0) > 0;
  if (byName) tieOperators(work);
  inside.joins.push({ left, right, outer: join.jointype !== "JOIN_INNER", quals: join.quals, byName });
  work.visit(join.quals, { ...scope, level: inside, condition: true });
  work.children("JoinExpr", join, scope, ["larg", "rarg", "quals"]);
  // The row of this alias has the columns that are joined by.
  if (join.join_using_alias !== undefined)
    for (const column of stringsOf(join.usingClause)) work.facts.column({ column });
  if (join.alias === undefined) return [...left, ...right];
  const rows = inside.sources.flatMap((each) => each.rows ?? each.relations);
  renamed(work, join.alias, rows);
  const source: Source = {
    alias: join.alias.aliasname,
    relations: [],
    rows,
    open: openReads(inside, undefined),
    reads: inside.sources.flatMap((each) => each.reads),
    bounded: false,
  };
  level.sources.push(source);
  return [source];
}
