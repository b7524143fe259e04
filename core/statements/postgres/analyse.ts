/** Turns PostgreSQL's own parse tree into what the request does. Pure; anything it is not sure of is a doubt. */
import type { DoubtCode, PostgresRequest, StatementFacts } from "./facts.ts";
import { type Gathering, gathering } from "./gathering.ts";
import { NODES } from "./nodes.ts";
import { rowsOf } from "./rows.ts";
import type { SessionContext } from "./session.ts";
import { type Fields, type Node, type NodeTag, type ParseTree, tagOf, untaggedField } from "./tree.ts";
import { type Flow, OUTERMOST, type Scope, type Visitor, type Work } from "./work.ts";

export const STATEMENTS_MAX = 500;
/** Accesses, calls and columns of all statements together: what EXECUTE brings again and again counts each time. */
export const REQUEST_ITEMS_MAX = 20_000;
/**
 * Objects within objects of the parse tree. An operator takes two, a nested subquery eight: deeper than a person or a
 * query builder goes, and shallow enough for the stack of any thread.
 */
export const TREE_DEPTH_MAX = 1_200;

/** `text` is what `tree` was parsed from. One entry for each statement; none for an empty text. */
export function analyse(tree: ParseTree, text: string, context: SessionContext): PostgresRequest {
  const raw = tree.stmts ?? [];
  if (raw.length > STATEMENTS_MAX) {
    return refused("TOO_MANY_STATEMENTS", `holds more than ${STATEMENTS_MAX} statements`, utf8Length(text));
  }
  const flow: Flow = {
    paths: [context.searchPath],
    pathUnknown: false,
    forgetsPath: false,
    relationsChanged: false,
    prepared: new Map(),
    cursors: new Map(),
    again: new Map(),
  };
  const lengthBytes = utf8Length(text);
  const statements: StatementFacts[] = [];
  let items = 0;
  for (const statement of raw) {
    const startByte = statement.stmt_location ?? 0;
    // PostgreSQL writes no length for a last statement that runs to the end of the text.
    const ownLength =
      statement.stmt_len === undefined || statement.stmt_len === 0
        ? lengthBytes - startByte
        : statement.stmt_len;
    const facts = statementFacts(statement.stmt, context, flow, startByte, ownLength);
    carryOver(flow, facts);
    statements.push(facts);
    items += facts.accesses.length + facts.calls.length + facts.columns.length;
    if (items > REQUEST_ITEMS_MAX) {
      return refused("TOO_LARGE", "names more in all its statements than analysis follows", lengthBytes);
    }
  }
  return { protocol: "postgres", statements };
}

/** The request of a text that could not be, or was not, analysed: one statement of which only the doubt is known. */
export function refused(code: DoubtCode, text: string, lengthBytes: number): PostgresRequest {
  const facts = gathering();
  facts.doubt(code, text);
  return { protocol: "postgres", statements: [facts.finish(0, lengthBytes)] };
}

function statementFacts(
  node: Node | undefined,
  context: SessionContext,
  flow: Flow,
  startByte: number,
  lengthBytes: number,
): StatementFacts {
  const facts = gathering();
  if (node !== undefined && isDeeperThan(TREE_DEPTH_MAX, node))
    facts.doubt("TOO_DEEP", "is nested deeper than analysis follows");
  else workOn(context, flow, facts).visit(node, OUTERMOST);
  return facts.finish(startByte, lengthBytes);
}

/** After unknown code or a definition, neither the search path nor the catalog need be what they were. */
function carryOver(flow: Flow, facts: StatementFacts): void {
  if (flow.forgetsPath || facts.calls.length > 0 || facts.doubts.length > 0) flow.pathUnknown = true;
  const isQuiet = facts.class === "read" || facts.class === "session" || facts.class === "transaction";
  if (!isQuiet || facts.calls.length > 0 || facts.doubts.length > 0) flow.relationsChanged = true;
}

function workOn(context: SessionContext, flow: Flow, facts: Gathering): Work {
  const work: Work = {
    context,
    flow,
    facts,
    doubt: facts.doubt,
    visit(value, scope) {
      if (value === undefined) return;
      if (Array.isArray(value)) for (const item of value) visitAny(work, item, undefined, scope);
      else visitAny(work, value, undefined, scope);
    },
    visitAs(tag, fields, scope) {
      if (fields !== undefined) visitTagged(work, tag, fields as Fields<NodeTag>, scope);
    },
    children(tag, fields, scope, except = []) {
      for (const field in fields) {
        const value = (fields as unknown as Fieldwise)[field];
        if (!isObject(value) || except.includes(field)) continue;
        if (Array.isArray(value)) for (const item of value) visitAny(work, item, undefined, scope);
        else visitAny(work, value, untaggedField(tag, field), scope);
      }
    },
    rowsOf: (node, scope) => rowsOf(work, node, scope),
    again(node) {
      // These only ever grow, and nothing else of the flow changes what a query means.
      const under = JSON.stringify([flow.paths.length, flow.pathUnknown, flow.relationsChanged]);
      const known = flow.again.get(node);
      if (known?.under === under) return known.facts;
      const again = statementFacts(node, context, flow, 0, 0);
      flow.again.set(node, { under, facts: again });
      return again;
    },
  };
  return work;
}

/** Visits whatever stands in a field. Nothing is passed over: what has no known tag is walked and doubted. */
function visitAny(work: Work, value: unknown, expected: NodeTag | undefined, scope: Scope): void {
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) visitAny(work, item, undefined, scope);
    return;
  }
  const tag = tagOf(value);
  if (tag !== undefined) {
    const fields = (value as Readonly<Record<string, unknown>>)[tag];
    if (isKnown(tag)) return visitTagged(work, tag, fields as Fields<NodeTag>, scope);
    doubtUnlisted(work, tag);
    for (const child of Object.values(fields as object)) visitAny(work, child, undefined, scope);
    return;
  }
  if (expected !== undefined) return visitTagged(work, expected, value as Fields<NodeTag>, scope);
  const children = Object.values(value);
  // An empty object is a NULL of the grammar.
  if (children.length > 0) doubtUnlisted(work, "an untagged node");
  for (const child of children) visitAny(work, child, undefined, scope);
}

function visitTagged(work: Work, tag: NodeTag, fields: Fields<NodeTag>, scope: Scope): void {
  // The row and the fields are of the same tag, which the compiler cannot follow through the union.
  const row = NODES[tag] as "through" | "never" | Visitor<NodeTag>;
  if (typeof row === "function") return row(work, fields, scope);
  if (row === "never") doubtUnlisted(work, tag);
  work.children(tag, fields, scope);
}

const isKnown = (tag: string): tag is NodeTag => Object.hasOwn(NODES, tag);

function doubtUnlisted(work: Work, tag: string): void {
  work.doubt("UNLISTED_SYNTAX", `uses syntax that analysis does not know (${tag})`);
}

/** This one walk to the bound, in small frames, is what makes the recursion of all the others safe. */
function isDeeperThan(levels: number, value: object): boolean {
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isObject(item) && isDeeperThan(levels - 1, item));
  for (const field in value) {
    const child = (value as Fieldwise)[field];
    if (isObject(child) && isDeeperThan(levels - 1, child)) return true;
  }
  return false;
}

type Fieldwise = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

function utf8Length(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    // Two units of a surrogate pair make four bytes.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}
