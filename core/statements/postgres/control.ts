/** Statements about the session itself: transactions, prepared statements, cursors, notifications. */
import type { StatementFacts } from "./facts.ts";
import { pathForgotten } from "./settings.ts";
import type { Fields, Node } from "./tree.ts";
import { as } from "./tree.ts";
import type { Scope, Visitor, Work } from "./work.ts";

export const visitTransaction: Visitor<"TransactionStmt"> = (work, stmt) => {
  switch (stmt.kind) {
    case "TRANS_STMT_PREPARE":
    case "TRANS_STMT_COMMIT_PREPARED":
    case "TRANS_STMT_ROLLBACK_PREPARED":
      work.facts.classify("admin");
      work.facts.deed("admin");
      return transactionEnded(work);
    case "TRANS_STMT_COMMIT":
    case "TRANS_STMT_ROLLBACK":
      transactionEnded(work);
      break;
    case "TRANS_STMT_ROLLBACK_TO":
      // Any path that was set since the savepoint is undone, and nobody wrote down the one before.
      pathForgotten(work);
      break;
    default:
      break;
  }
  work.facts.classify("transaction");
  work.facts.deed("transaction");
};

/** SET LOCAL, and after ROLLBACK plain SET, end here; relations of the transaction may be gone. */
function transactionEnded(work: Work): void {
  const { flow, context } = work;
  if (!flow.paths.includes(context.searchPathAfterTransaction))
    flow.paths.push(context.searchPathAfterTransaction);
  flow.relationsChanged = true;
  work.facts.movesSearchPath();
}

const sessionAct = (work: Work): void => {
  work.facts.classify("session");
  work.facts.deed("session");
};

export const visitDiscard: Visitor<"DiscardStmt"> = (work, stmt) => {
  sessionAct(work);
  if (stmt.target === "DISCARD_ALL" || stmt.target === "DISCARD_TEMP") work.flow.relationsChanged = true;
  // The gateway logs in as the role it judges for, so the return to it that DISCARD ALL brings changes nothing.
  if (stmt.target === "DISCARD_ALL") pathForgotten(work);
};

/** Without a name: all of them. */
export const visitDeallocate: Visitor<"DeallocateStmt"> = (work, { name }) => {
  sessionAct(work);
  if (name !== undefined) work.facts.name({ drops: { kind: "prepared", name } });
};
export const visitClose: Visitor<"ClosePortalStmt"> = (work, { portalname: name }) => {
  sessionAct(work);
  if (name !== undefined) work.facts.name({ drops: { kind: "cursor", name } });
};
export const visitUnlisten: Visitor<"UnlistenStmt"> = sessionAct;

export const visitConstraintsSet: Visitor<"ConstraintsSetStmt"> = (work) => {
  work.facts.classify("transaction");
  work.facts.deed("transaction");
};

const notification = (work: Work): void => {
  work.facts.classify("notify");
  work.facts.deed("notify");
};
export const visitListen: Visitor<"ListenStmt"> = notification;
export const visitNotify: Visitor<"NotifyStmt"> = notification;

/** PREPARE is judged as what it prepares: from then on EXECUTE says nothing but its name. */
export const visitPrepare: Visitor<"PrepareStmt"> = (work, stmt, scope) => {
  const name = stmt.name ?? "";
  work.children("PrepareStmt", stmt, scope);
  work.facts.name({ defines: { kind: "prepared", name } });
  if (stmt.query !== undefined) work.flow.prepared.set(name, stmt.query);
};

/**
 * PostgreSQL analyses a prepared statement anew when the search path or a relation changed, so one prepared in this
 * string is analysed again here, and one from before is only known while the path surely is what it was.
 */
export const visitExecute: Visitor<"ExecuteStmt"> = (work, stmt, scope) => {
  const name = stmt.name ?? "";
  const here = work.flow.prepared.get(name);
  if (here !== undefined) became(work, work.again(here));
  else {
    work.facts.name({ runs: { kind: "prepared", name } });
    const before = work.context.prepared(name);
    const pathMoved = work.flow.pathUnknown || work.flow.paths.length > 1;
    if (before === undefined) preparedElsewhere(work, "runs a prepared statement");
    else if (pathMoved)
      work.doubt("SEARCH_PATH_CHANGED", "runs a statement prepared under another search path");
    if (before !== undefined) became(work, before);
  }
  work.visit(stmt.params, scope);
};

/** Of `DeclareCursorStmt.options` (PostgreSQL's parsenodes.h). */
const CURSOR_OPT_HOLD = 0x20;

/** A cursor is judged as its query, and fetching from it as the query again. */
export const visitDeclareCursor: Visitor<"DeclareCursorStmt"> = (work, stmt, scope) => {
  const name = stmt.portalname ?? "";
  work.visit(stmt.query, scope);
  const holds = ((stmt.options ?? 0) & CURSOR_OPT_HOLD) !== 0;
  work.facts.name({ defines: { kind: "cursor", name, ...(holds ? { holds } : {}) } });
  if (stmt.query !== undefined) work.flow.cursors.set(name, work.again(stmt.query));
};

export const visitFetch: Visitor<"FetchStmt"> = (work, stmt) => {
  const name = stmt.portalname ?? "";
  const here = work.flow.cursors.get(name);
  if (here === undefined) work.facts.name({ runs: { kind: "cursor", name } });
  const query = here ?? work.context.cursor(name);
  if (query === undefined) preparedElsewhere(work, "fetches from a cursor");
  else became(work, query);
};

/** EXPLAIN, with ANALYZE or without: planning alone runs immutable functions and waits for locks. */
export const visitExplain: Visitor<"ExplainStmt"> = (work, stmt: Fields<"ExplainStmt">, scope: Scope) => {
  work.facts.name({ explains: true });
  // It plans the query of a cursor and declares none.
  const declared = as(stmt.query, "DeclareCursorStmt");
  if (declared !== undefined) work.visit(declared.query, scope);
  work.children("ExplainStmt", stmt, scope, declared === undefined ? [] : ["query"]);
};

function became(work: Work, query: StatementFacts): void {
  work.facts.classify(query.class);
  work.facts.adopt(query);
  if (query.movesSearchPath === true) pathForgotten(work);
}

function preparedElsewhere(work: Work, what: string): void {
  work.facts.classify("unknown");
  work.doubt("PREPARED_ELSEWHERE", `${what} that this session did not define before`);
}

/** DO runs code that stands in a string. */
export const visitDo: Visitor<"DoStmt"> = (work) => {
  work.facts.classify("unknown");
  work.doubt("DYNAMIC_CODE", "DO runs code that stands in a string");
};

/** A procedure is code that a rule must name, harmless or not: nothing is known of what it does. */
export const visitCall: Visitor<"CallStmt"> = (work, stmt, scope) => {
  work.facts.classify("unknown");
  const parts = namesOf(stmt.funccall?.funcname);
  const schema = parts.at(-2);
  const schemas = schema === undefined ? [...new Set(work.flow.paths.flat())] : [schema];
  work.facts.call({
    kind: "function",
    schemas: schemas.length > 0 ? schemas : ["pg_catalog"],
    name: parts.at(-1) ?? "",
  });
  work.children("CallStmt", stmt, scope);
};

const namesOf = (list: readonly Node[] | undefined): string[] =>
  (list ?? []).flatMap((item) => as(item, "String")?.sval ?? []);
