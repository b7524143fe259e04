/** Statements about whole relations: COPY, TRUNCATE, LOCK, and relations named outside FROM. */
import type { RelationName } from "./facts.ts";
import { relationCreated, relationsNamed } from "./names.ts";
import { as, type Fields, type Node, stringsOf } from "./tree.ts";
import type { Scope, Visitor, Work } from "./work.ts";

/** Every relation there is: what CASCADE may reach. */
export const EVERY_RELATION: RelationName = { schema: "*", name: "*" };

/** A relation outside FROM means what the statement around it does to relations. */
export const visitRangeVar: Visitor<"RangeVar"> = (work, range, scope) => {
  for (const relation of relationsNamed(work, range.schemaname, range.relname ?? "")) {
    work.facts.deed(scope.bare, relation);
  }
};

/** The relation that CREATE makes; `_` for the name that PostgreSQL would choose. */
export function created(work: Work, range: Fields<"RangeVar"> | undefined): void {
  if (range === undefined) return;
  const temporary = range.relpersistence === "t";
  for (const relation of relationCreated(work, range.schemaname, range.relname ?? "", temporary)) {
    work.facts.deed("ddl", relation);
  }
}

export const visitInto: Visitor<"IntoClause"> = (work, into, scope) => {
  created(work, into.rel);
  work.children("IntoClause", into, scope, ["rel"]);
};

export const visitTruncate: Visitor<"TruncateStmt"> = (work, stmt) => {
  work.facts.classify("truncate");
  for (const item of stmt.relations ?? []) {
    const range = as(item, "RangeVar");
    for (const relation of relationsNamed(work, range?.schemaname, range?.relname ?? "")) {
      work.facts.deed("truncate", relation, true);
    }
  }
  // Empties every relation that refers to these.
  if (stmt.behavior === "DROP_CASCADE") work.facts.deed("truncate", EVERY_RELATION, true);
};

export const visitLock: Visitor<"LockStmt"> = (work, stmt, scope) => {
  work.facts.classify("lock");
  work.children("LockStmt", stmt, { ...scope, bare: "lock" });
};

export const visitCopy: Visitor<"CopyStmt"> = (work, stmt, scope) => {
  const verb = stmt.is_from === true ? "copyIn" : "copyOut";
  work.facts.classify(verb);
  if (stmt.is_program === true || stmt.filename !== undefined) {
    work.doubt("SERVER_FILE", "COPY reads or writes a file or program of the server");
  }
  const relations =
    stmt.relation === undefined
      ? []
      : relationsNamed(work, stmt.relation.schemaname, stmt.relation.relname ?? "");
  for (const relation of relations) {
    work.facts.deed(verb, relation, verb === "copyOut");
    // To take a relation's rows out is to read them, whichever way they leave.
    if (verb === "copyOut") work.facts.deed("read", relation, true);
    copiedColumns(work, relation, stmt.attlist);
  }
  work.children("CopyStmt", stmt, scope, ["relation", "attlist"]);
  if (stmt.query !== undefined) copiedQuery(work);
};

/** What a query under COPY reads is copied out as far as the query lets it. */
function copiedQuery(work: Work): void {
  const reads = work.facts.deeds.filter((deed) => deed.verb === "read");
  for (const read of reads) work.facts.deed("copyOut", read.relation, read.unfiltered);
  // A query without relations still leaves by COPY.
  if (reads.length === 0) work.facts.deed("copyOut");
}

function copiedColumns(work: Work, relation: RelationName, list: readonly Node[] | undefined): void {
  const columns = list === undefined ? ["*"] : stringsOf(list);
  for (const column of columns) work.facts.column({ relation, column });
}

export const visitLockingClause: Visitor<"LockingClause"> = (_work: Work, _clause, _scope: Scope) => {
  // Names items of FROM, which the query has seen to.
};
