/** INSERT, UPDATE, DELETE and MERGE. Each returns the reads that its RETURNING hands on whole. */
import type { RelationName, StatementVerb } from "./facts.ts";
import { relationsNamed } from "./names.ts";
import { openReads } from "./narrow.ts";
import { fromItem, fromItems, handOn, newLevel, withQueries } from "./queries.ts";
import { settingsUpdated } from "./settings.ts";
import { as, type Fields, type Node } from "./tree.ts";
import type { Deed, Level, Scope, Source, Visitor, Work } from "./work.ts";

export const visitInsert: Visitor<"InsertStmt"> = (work, stmt, scope) =>
  handOn(insertRows(work, stmt, scope));
export const visitUpdate: Visitor<"UpdateStmt"> = (work, stmt, scope) =>
  handOn(updateRows(work, stmt, scope));
export const visitDelete: Visitor<"DeleteStmt"> = (work, stmt, scope) =>
  handOn(deleteRows(work, stmt, scope));
export const visitMerge: Visitor<"MergeStmt"> = (work, stmt, scope) => handOn(mergeRows(work, stmt, scope));

export function insertRows(work: Work, stmt: Fields<"InsertStmt">, scope: Scope): Deed[] {
  work.facts.classify("insert");
  const inner = withQueries(work, stmt.withClause, scope);
  const level = newLevel(inner);
  const verbs: StatementVerb[] = ["insert"];
  if (stmt.onConflictClause?.action === "ONCONFLICT_UPDATE") verbs.push("update");
  const target = targetOf(work, stmt.relation, verbs, stmt.returningClause);
  assigned(work, target, stmt.cols);
  assigned(work, target, stmt.onConflictClause?.targetList);
  // What the query hands on whole is copied whole.
  handOn(work.rowsOf(stmt.selectStmt, inner));
  level.sources.push(target);
  const here: Scope = { ...inner, level };
  work.children("InsertStmt", stmt, here, ["relation", "withClause", "selectStmt"]);
  // Only rows that this very statement wrote come back.
  return [];
}

export function updateRows(work: Work, stmt: Fields<"UpdateStmt">, scope: Scope): Deed[] {
  work.facts.classify("update");
  const inner = withQueries(work, stmt.withClause, scope);
  const level = newLevel(inner);
  const here: Scope = { ...inner, level };
  const target = targetOf(work, stmt.relation, ["update"], stmt.returningClause);
  if (target.relations.some(isSettings)) settingsUpdated(work);
  level.sources.push(target);
  assigned(work, target, stmt.targetList);
  fromItems(work, stmt.fromClause, here, level);
  work.visit(stmt.whereClause, { ...here, condition: true });
  work.children("UpdateStmt", stmt, here, ["relation", "withClause", "fromClause", "whereClause"]);
  return settled(openReads(level, stmt.whereClause));
}

/** Everybody may update this view, and a rule on it makes set_config of that. */
const isSettings = ({ schema, name }: RelationName): boolean =>
  schema === "pg_catalog" && name === "pg_settings";

export function deleteRows(work: Work, stmt: Fields<"DeleteStmt">, scope: Scope): Deed[] {
  work.facts.classify("delete");
  const inner = withQueries(work, stmt.withClause, scope);
  const level = newLevel(inner);
  const here: Scope = { ...inner, level };
  level.sources.push(targetOf(work, stmt.relation, ["delete"], stmt.returningClause));
  fromItems(work, stmt.usingClause, here, level);
  work.visit(stmt.whereClause, { ...here, condition: true });
  work.children("DeleteStmt", stmt, here, ["relation", "withClause", "usingClause", "whereClause"]);
  return settled(openReads(level, stmt.whereClause));
}

const MERGE_VERBS: Readonly<Record<string, StatementVerb>> = {
  CMD_INSERT: "insert",
  CMD_UPDATE: "update",
  CMD_DELETE: "delete",
};

export function mergeRows(work: Work, stmt: Fields<"MergeStmt">, scope: Scope): Deed[] {
  work.facts.classify("merge");
  const inner = withQueries(work, stmt.withClause, scope);
  const level = newLevel(inner);
  const here: Scope = { ...inner, level };
  const target = targetOf(work, stmt.relation, matchVerbs(stmt), stmt.returningClause);
  level.sources.push(target);
  const source = stmt.sourceRelation === undefined ? [] : fromItem(work, stmt.sourceRelation, here, level);
  const join = { left: [target], right: source, outer: false, quals: stmt.joinCondition, byName: false };
  level.joins.push(join);
  work.visit(stmt.joinCondition, { ...here, condition: true });
  for (const item of stmt.mergeWhenClauses ?? []) {
    const clause = as(item, "MergeWhenClause");
    if (clause !== undefined) mergeWhen(work, clause, target, here, level);
  }
  work.children("MergeStmt", stmt, here, [
    "relation",
    "withClause",
    "sourceRelation",
    "joinCondition",
    "mergeWhenClauses",
  ]);
  return settled(openReads(level, undefined));
}

/**
 * The join reads the target. Beside an update or a delete that counts as part of it; an insert alone does not give the
 * right to it, nor does DO NOTHING, which still takes the lock of a write.
 */
function matchVerbs({ mergeWhenClauses = [] }: Fields<"MergeStmt">): readonly StatementVerb[] {
  const verbs = mergeWhenClauses.map((item) => MERGE_VERBS[as(item, "MergeWhenClause")?.commandType ?? ""]);
  if (verbs.includes("update") || verbs.includes("delete")) return [];
  return verbs.includes("insert") ? ["read"] : ["read", "lock"];
}

function mergeWhen(
  work: Work,
  clause: Fields<"MergeWhenClause">,
  target: Source,
  scope: Scope,
  level: Level,
): void {
  const verb = MERGE_VERBS[clause.commandType ?? ""];
  assigned(work, target, clause.targetList);
  work.visit(clause.condition, { ...scope, condition: true });
  work.children("MergeWhenClause", clause, scope, ["condition"]);
  if (verb === undefined) return;
  const deeds = target.relations.map((relation) => work.facts.deed(verb, relation));
  if (verb === "insert") return;
  // Rows that no row of the source matched are not narrowed by the join.
  const bySource = clause.matchKind !== "MERGE_WHEN_NOT_MATCHED_BY_SOURCE";
  const alone = { ...target, open: deeds };
  const sources = level.sources.map((each) => (each === target ? alone : each));
  const joins = level.joins.map((join) => ({
    ...join,
    left: join.left.map((each) => (each === target ? alone : each)),
  }));
  const open = openReads({ sources, joins: bySource ? joins : [], outer: level.outer }, clause.condition);
  handOn(open.filter((deed) => deeds.includes(deed)));
}

function targetOf(
  work: Work,
  range: Fields<"RangeVar"> | undefined,
  verbs: readonly StatementVerb[],
  returning: Fields<"ReturningClause"> | undefined,
): Source {
  const name = range?.relname ?? "";
  // A WITH query cannot be written to: the target is a relation even when one has its name.
  const relations = relationsNamed(work, range?.schemaname, name);
  const all = returning !== undefined ? [...verbs, "read" as const] : verbs;
  const open = all.flatMap((verb) => relations.map((relation) => work.facts.deed(verb, relation)));
  return {
    alias: range?.alias?.aliasname ?? name,
    relations,
    rowNames: returning === undefined ? [] : rowNames(returning),
    open,
    reads: [],
    bounded: false,
  };
}

/** RETURNING WITH (OLD AS o) gives the row another name. */
function rowNames({ options }: Fields<"ReturningClause">): string[] {
  return ["old", "new", ...(options ?? []).flatMap((item) => as(item, "ReturningOption")?.value ?? [])];
}

/** The columns that a list of assignments sets. */
function assigned(work: Work, target: Source, list: readonly Node[] | undefined): void {
  for (const item of list ?? []) {
    const column = as(item, "ResTarget")?.name;
    if (column === undefined) continue;
    for (const relation of target.relations) work.facts.column({ relation, column });
  }
}

/** A write that nothing narrows is so for certain; what is read with it depends on where the rows go. */
function settled(open: readonly Deed[]): Deed[] {
  handOn(open.filter((deed) => deed.verb !== "read"));
  return open.filter((deed) => deed.verb === "read");
}
