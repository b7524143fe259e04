/** Which literals of a shaped text analysis did not look at, so that other values in their place would have come to the same. */
import { wasRead } from "./constants.ts";
import type { PostgresRequest, StatementFacts } from "./facts.ts";
import { isSpace } from "./quoting.ts";
import type { Shape } from "./known-shape.ts";
import type { Fields, ParseTree } from "./tree.ts";

type Constants = Map<number, Fields<"A_Const">[]>;

/** Only what leaves no name behind, runs no code and leaves nothing in doubt is worth being known by its shape. */
const SHAPED_ROOTS: ReadonlySet<string> = new Set(["SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt"]);

/**
 * The literals, by their number, whose values the request depends on; undefined when no other text may have this request.
 * To be asked right after the analysis of this very tree.
 */
export function literalsThatCount(
  { stmts = [] }: ParseTree,
  request: PostgresRequest,
  text: string,
  { literals }: Shape,
): ReadonlySet<number> | undefined {
  const [only] = stmts;
  const [facts] = request.statements;
  if (stmts.length !== 1 || request.statements.length !== 1 || only?.stmt === undefined) return undefined;
  if (facts === undefined || !Object.keys(only.stmt).every((root) => SHAPED_ROOTS.has(root)))
    return undefined;
  if (!isPlain(facts)) return undefined;
  const constants: Constants = new Map();
  gather(only.stmt, constants);
  const counting = new Set<number>();
  for (const [number, { start }] of literals.entries()) {
    // A minus sign becomes part of the number behind it.
    const found = constants.get(start) ?? constants.get(signBefore(text, start));
    // What is no constant of the tree has gone into it in another way: `float(24)` is a type of its own.
    if (found === undefined || found.some(wasRead)) counting.add(number);
  }
  return counting;
}

function isPlain({ calls, doubts, defines, movesSearchPath }: StatementFacts): boolean {
  return calls.length === 0 && doubts.length === 0 && defines === undefined && movesSearchPath !== true;
}

function signBefore(text: string, start: number): number {
  let at = start - 1;
  while (isSpace(text.charCodeAt(at))) at -= 1;
  return text[at] === "-" ? at : -1;
}

/** Positions are bytes; a shaped text has no character of two. */
function gather(value: object, constants: Constants): void {
  for (const [field, child] of Object.entries(value) as [string, unknown][]) {
    if (typeof child !== "object" || child === null) continue;
    if (field === "A_Const") {
      const literal = child as Fields<"A_Const">;
      const at = literal.location ?? -1;
      const there = constants.get(at);
      // What the grammar has made up itself stands nowhere: it says nothing of any literal.
      if (at < 0) continue;
      if (there === undefined) constants.set(at, [literal]);
      else there.push(literal);
    } else gather(child, constants);
  }
}

/** The same request for all texts of the shape: where things stand in one of them is of no use to another. */
export function withoutPlaces(request: PostgresRequest): PostgresRequest {
  const statements = request.statements.map((facts) => ({
    ...facts,
    literalOffsetsBytes: [],
    startByte: 0,
    lengthBytes: 0,
  }));
  return { ...request, statements };
}
