/** A PostgreSQL request: whether it is whole, and everything in it that needs permission. */
import {
  type Access,
  type Call,
  DOUBT_CODES,
  type Doubt,
  type PostgresRequest,
  STATEMENT_VERBS,
  type StatementFacts,
} from "#core/statements/postgres/facts.ts";
import type { Request } from "../../facts.ts";
import { isRecord } from "../../shape.ts";
import { type Demand, verbBit } from "./matcher.ts";

const VERBS: ReadonlySet<unknown> = new Set(STATEMENT_VERBS);
const CODES: ReadonlySet<unknown> = new Set(DOUBT_CODES);
const CLASSES: ReadonlySet<unknown> = new Set([...STATEMENT_VERBS, "merge", "unknown"]);
const CALL_KINDS: ReadonlySet<unknown> = new Set(["function", "operator", "type"]);

export function isPostgresRequest(value: unknown): value is PostgresRequest {
  return isRecord(value) && value["protocol"] === "postgres" && every(value["statements"], isStatement);
}

/** Of a request of any protocol: only PostgreSQL has statements. */
export function statementsOf(request: Request): readonly StatementFacts[] {
  return request.protocol === "postgres" ? request.statements : [];
}

export function demandsOf(request: PostgresRequest): readonly Demand[] {
  const demands: Demand[] = [];
  for (const statement of request.statements) {
    for (const access of statement.accesses) {
      demands.push({ kind: "access", access, verbBit: verbBit(access.verb) });
    }
    for (const call of statement.calls) demands.push({ kind: "call", call });
    for (const doubt of statement.doubts) demands.push({ kind: "doubt", doubt });
    if (statesNothing(statement)) demands.push({ kind: "doubt", doubt: UNEXPLAINED });
  }
  return demands;
}

/**
 * `SELECT 1` needs no permission but a session. Any other class without a single access would be a hole in analysis,
 * and must not be taken for a harmless statement.
 */
function statesNothing({ class: className, accesses, doubts }: StatementFacts): boolean {
  return accesses.length === 0 && doubts.length === 0 && !HARMLESS_CLASSES.has(className);
}

const HARMLESS_CLASSES: ReadonlySet<string> = new Set(["read", "transaction", "session"]);
const UNEXPLAINED: Doubt = {
  code: "UNLISTED_SYNTAX",
  text: "analysis does not say what this statement does",
};

function isStatement(value: unknown): value is StatementFacts {
  return (
    isRecord(value) &&
    CLASSES.has(value["class"]) &&
    every(value["accesses"], isAccess) &&
    every(value["calls"], isCall) &&
    every(value["doubts"], isDoubt)
  );
}

function isAccess(value: unknown): value is Access {
  if (!isRecord(value) || !VERBS.has(value["verb"]) || typeof value["unfiltered"] !== "boolean") return false;
  const relation = value["relation"];
  return (
    relation === undefined || (isRecord(relation) && isName(relation["schema"]) && isName(relation["name"]))
  );
}

function isCall(value: unknown): value is Call {
  return (
    isRecord(value) &&
    CALL_KINDS.has(value["kind"]) &&
    isName(value["name"]) &&
    every(value["schemas"], isName)
  );
}

function isDoubt(value: unknown): value is Doubt {
  return isRecord(value) && CODES.has(value["code"]) && typeof value["text"] === "string";
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** Unlike Array.prototype.every this looks into holes too. */
function every(value: unknown, test: (entry: unknown) => boolean): boolean {
  if (!Array.isArray(value)) return false;
  for (let at = 0; at < value.length; at += 1) if (!test(value[at])) return false;
  return true;
}
