/** Refusing is a value: a stable code and a text that is safe to show. Causes stay inside, in logs. */
import { DECISION_CODES } from "../policy/decision.ts";

/** Codes of what is refused before, beside or after a policy decision; those of decisions stand in DECISION_CODES. */
export const RUNTIME_CODES = {
  IDENTITY_MISSING: "no identity was presented",
  IDENTITY_INVALID: "the identity presented is not valid",
  IDENTITY_EXPIRED: "the identity presented has expired",
  IDENTITY_UNCHECKED: "the identity presented cannot be checked now; try again",
  IDENTITY_AMBIGUOUS: "it cannot be told which local user this connection belongs to",
  POD_ENDED: "the pod has ended, or is being deleted",
  POD_UNTRUSTED: "the pod is not as it was admitted, so it is given nothing",
  POD_UNCHECKED: "the pod cannot be checked now; try again",
  POD_KEY_REFUSED: "another key speaks for this pod already",
  LINEAGE_UNKNOWN: "it cannot be told who launched this pod, so it is given nothing",
  LINEAGE_ENDED: "an agent above this pod has ended, so nothing more is granted below it",
  LINEAGE_CHANGED: "the pod belongs to somebody else by now, so what was begun before ends",
  LINEAGE_LIMIT: "more agents launch each other here than may",
  ASK_NOT_AVAILABLE: "this needs the approval of a person, which this gateway cannot ask for yet",
  BROKER_UNREACHABLE: "the broker cannot be reached; no new session is opened",
  BROKER_UNAVAILABLE:
    "there is no broker that could decide about this pod's connections, so none is let through",
  DESTINATION_UNKNOWN: "no connection that this pod may use is reached there",
  DESTINATION_AMBIGUOUS: "several connections are reached there, so it cannot be told which is meant",
  TRAIL_UNAVAILABLE: "the record of this action cannot be stored, so the action is refused",
  TRAIL_BROKEN: "the record of this session has broken off, so the session ends",
  CREDENTIAL_UNAVAILABLE: "no credential for the upstream can be had now",
  CREDENTIAL_REFUSED: "the upstream does not accept the credential",
  LEASE_ENDED: "the credential of this session has ended",
  REVOKED: "the access of this session was revoked",
  POLICY_CHANGED: "a policy change ended what this session was doing",
  UPSTREAM_UNREACHABLE: "the upstream cannot be reached",
  UPSTREAM_UNTRUSTED: "the upstream could not prove who it is",
  UPSTREAM_PROTOCOL: "the upstream broke its protocol",
  CLIENT_PROTOCOL: "the client broke its protocol",
  CLIENT_TIMEOUT: "the client did not say in time who it is and what it wants",
  CLIENT_TLS_REQUIRED: "this listener takes identities over TLS only",
  NOT_SUPPORTED: "the gateway does not carry this part of the protocol",
  LIMIT_ROWS: "the session has returned as many rows as policy allows",
  LIMIT_BYTES: "the session has moved as many bytes as policy allows",
  LIMIT_STATEMENTS: "the session has run as many statements as policy allows",
  LIMIT_SESSION_SECONDS: "the session has lasted as long as policy allows",
  LIMIT_CONCURRENT_SESSIONS: "there are as many sessions open as policy allows",
  LIMIT_GATEWAY: "the gateway carries as much as it can; try again later",
  MASK_UNRESOLVED: "an output could show a masked column and its origin cannot be told",
  ROW_TOO_LARGE: "a row is too large to be masked",
  SHUTTING_DOWN: "the gateway is shutting down; connect again",
} as const satisfies Record<string, string>;

export type RefusalCode = keyof typeof RUNTIME_CODES | keyof typeof DECISION_CODES;

export interface Refusal {
  readonly code: RefusalCode;
  /** Safe to show to the agent: what was refused and what it may do instead. */
  readonly publicText: string;
  /** `policy/rule` where a rule refused. */
  readonly rule?: string;
}

const WORDS: Readonly<Record<RefusalCode, string>> = { ...DECISION_CODES, ...RUNTIME_CODES };

export function refusal(code: RefusalCode, publicText?: string, rule?: string): Refusal {
  return { code, publicText: publicText ?? WORDS[code], ...(rule === undefined ? {} : { rule }) };
}

export function isRefusal(value: object): value is Refusal {
  return "code" in value && "publicText" in value;
}
