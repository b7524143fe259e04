/** A refusal in PostgreSQL's words: SQLSTATE, message, DETAIL with the code and the rule, HINT with what to do instead. */
import { type ErrorText, errorResponse } from "#core/wire/postgres/messages.ts";
import type { Refusal, RefusalCode } from "#core/values/refusal.ts";

const DENIED = "42501";
const LOGIN_REFUSED = "28000";
const BAD_TOKEN = "28P01";
const UNAVAILABLE = "57P03";
const ENDED = "57P01";
const LIMIT = "53400";
const TOO_MANY = "53300";
const CONNECTION_LOST = "08006";
const PROTOCOL = "08P01";

/** SQLSTATEs are what drivers branch on: retry on 57P03 and 53300, give up on 42501 and 28000. */
const SQL_STATES = {
  ALLOWED: DENIED,
  OBSERVED: DENIED,
  ASK_RULE: DENIED,
  DENY_RULE: DENIED,
  DENY_NO_RULE: DENIED,
  DENY_NO_POLICY: DENIED,
  DENY_NOT_DELEGATED: DENIED,
  DENY_UNANALYSED: DENIED,
  DENY_POLICY_INVALID: DENIED,
  DENY_FACTS_INVALID: DENIED,
  DENY_UNKNOWN_CONNECTION: "3D000",
  DENY_PROTOCOL: DENIED,
  OBLIGATION_UNSUPPORTED: DENIED,
  IDENTITY_MISSING: LOGIN_REFUSED,
  IDENTITY_INVALID: BAD_TOKEN,
  IDENTITY_EXPIRED: BAD_TOKEN,
  IDENTITY_UNCHECKED: UNAVAILABLE,
  IDENTITY_AMBIGUOUS: LOGIN_REFUSED,
  POD_ENDED: LOGIN_REFUSED,
  POD_UNTRUSTED: LOGIN_REFUSED,
  POD_UNCHECKED: UNAVAILABLE,
  POD_KEY_REFUSED: LOGIN_REFUSED,
  LINEAGE_UNKNOWN: DENIED,
  LINEAGE_ENDED: DENIED,
  LINEAGE_CHANGED: DENIED,
  LINEAGE_LIMIT: DENIED,
  ASK_NOT_AVAILABLE: DENIED,
  BROKER_UNREACHABLE: UNAVAILABLE,
  BROKER_UNAVAILABLE: UNAVAILABLE,
  DESTINATION_UNKNOWN: LOGIN_REFUSED,
  DESTINATION_AMBIGUOUS: LOGIN_REFUSED,
  TRAIL_UNAVAILABLE: "58030",
  TRAIL_BROKEN: ENDED,
  CREDENTIAL_UNAVAILABLE: UNAVAILABLE,
  CREDENTIAL_REFUSED: "08004",
  LEASE_ENDED: ENDED,
  REVOKED: ENDED,
  POLICY_CHANGED: DENIED,
  UPSTREAM_UNREACHABLE: "08001",
  UPSTREAM_UNTRUSTED: "08004",
  UPSTREAM_PROTOCOL: CONNECTION_LOST,
  CLIENT_PROTOCOL: PROTOCOL,
  CLIENT_TIMEOUT: PROTOCOL,
  CLIENT_TLS_REQUIRED: LOGIN_REFUSED,
  NOT_SUPPORTED: "0A000",
  LIMIT_ROWS: LIMIT,
  LIMIT_BYTES: LIMIT,
  LIMIT_STATEMENTS: LIMIT,
  LIMIT_SESSION_SECONDS: ENDED,
  LIMIT_CONCURRENT_SESSIONS: TOO_MANY,
  LIMIT_GATEWAY: TOO_MANY,
  MASK_UNRESOLVED: DENIED,
  ROW_TOO_LARGE: LIMIT,
  SHUTTING_DOWN: ENDED,
} as const satisfies Record<RefusalCode, string>;

const ASK_OWNER =
  "Whoever owns this gateway's policies can allow it; quote the code and the rule from DETAIL.";
/** Only pods have such destinations, and in a pod the gateway answers. */
const ASK_GATEWAY = "What this pod may reach is told at http://sallyport.internal/.";
const RETRY = "Nothing was done. Try again later.";

/** What an agent may do about it. Absent: the message says all there is. */
const HINTS: Partial<Record<RefusalCode, string>> = {
  DENY_RULE: ASK_OWNER,
  DENY_NO_RULE: ASK_OWNER,
  DENY_NO_POLICY: ASK_OWNER,
  DENY_UNANALYSED: "Write it as plain SQL statements, without dynamic code, and try again.",
  ASK_NOT_AVAILABLE: ASK_OWNER,
  BROKER_UNREACHABLE: RETRY,
  BROKER_UNAVAILABLE: RETRY,
  POD_UNCHECKED: RETRY,
  DESTINATION_UNKNOWN: ASK_GATEWAY,
  DESTINATION_AMBIGUOUS: ASK_GATEWAY,
  CREDENTIAL_UNAVAILABLE: RETRY,
  CLIENT_TLS_REQUIRED: "Connect with sslmode=require or better.",
  IDENTITY_MISSING: "Send an identity token in the place of the password.",
  IDENTITY_EXPIRED: "Fetch a fresh identity token and connect again.",
  LIMIT_ROWS: "Ask for fewer rows: narrow WHERE, or add LIMIT.",
  LIMIT_BYTES: "Ask for less: fewer columns or rows.",
  LIMIT_CONCURRENT_SESSIONS: "Close sessions that are no longer needed, or wait.",
  LIMIT_GATEWAY: RETRY,
  MASK_UNRESOLVED:
    "Name the columns that are needed, each by itself, and leave masked columns out of expressions.",
  ROW_TOO_LARGE: "Ask for the large column in a statement that has no masked columns.",
  SHUTTING_DOWN: "Connect again.",
};

export function refusalText(refusal: Refusal, severity: "ERROR" | "FATAL"): ErrorText {
  const rule = refusal.rule === undefined ? "" : `, rule ${refusal.rule}`;
  const hint = HINTS[refusal.code];
  return {
    severity,
    code: SQL_STATES[refusal.code],
    message: refusal.publicText,
    detail: `Refused by the gateway: ${refusal.code}${rule}.`,
    ...(hint === undefined ? {} : { hint }),
  };
}

export const refusalError = (refusal: Refusal): Buffer => errorResponse(refusalText(refusal, "ERROR"));
export const refusalFatal = (refusal: Refusal): Buffer => errorResponse(refusalText(refusal, "FATAL"));
