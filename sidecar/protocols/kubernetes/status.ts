/** Refusals as the API server itself would say them: a `Status` object, which every client of Kubernetes knows how to show. */
import { readRequest } from "#core/policy/protocols/kubernetes/read-request.ts";
import type { Refusal, RefusalCode } from "#core/values/refusal.ts";
import type { Fields } from "#core/wire/http/fields.ts";
import type { RequestHead } from "#core/wire/http/head.ts";
import { chunkOf, responseHead } from "#core/wire/http/write.ts";

interface Kind {
  readonly status: number;
  readonly reason: string;
  readonly phrase: string;
}

const FORBIDDEN: Kind = { status: 403, reason: "Forbidden", phrase: "Forbidden" };
const BAD_REQUEST: Kind = { status: 400, reason: "BadRequest", phrase: "Bad Request" };
const BUSY: Kind = { status: 429, reason: "TooManyRequests", phrase: "Too Many Requests" };
const UNAVAILABLE: Kind = { status: 503, reason: "ServiceUnavailable", phrase: "Service Unavailable" };
const BAD_GATEWAY: Kind = { status: 502, reason: "InternalError", phrase: "Bad Gateway" };

/**
 * Whatever is not here is forbidden. Never 401: kubectl would tell its user to log in and keep our words to itself.
 */
const KINDS: Partial<Record<RefusalCode, Kind>> = {
  CLIENT_PROTOCOL: BAD_REQUEST,
  CLIENT_TLS_REQUIRED: BAD_REQUEST,
  NOT_SUPPORTED: BAD_REQUEST,
  LIMIT_CONCURRENT_SESSIONS: BUSY,
  LIMIT_GATEWAY: BUSY,
  BROKER_UNREACHABLE: UNAVAILABLE,
  BROKER_UNAVAILABLE: UNAVAILABLE,
  TRAIL_UNAVAILABLE: UNAVAILABLE,
  TRAIL_BROKEN: UNAVAILABLE,
  IDENTITY_UNCHECKED: UNAVAILABLE,
  POD_UNCHECKED: UNAVAILABLE,
  CREDENTIAL_UNAVAILABLE: UNAVAILABLE,
  LEASE_ENDED: UNAVAILABLE,
  UPSTREAM_UNREACHABLE: UNAVAILABLE,
  SHUTTING_DOWN: UNAVAILABLE,
  UPSTREAM_UNTRUSTED: BAD_GATEWAY,
  UPSTREAM_PROTOCOL: BAD_GATEWAY,
};

export interface Told {
  readonly why: Refusal;
  /** Where the trail has it: the session, and the request's number in it. */
  readonly id?: string;
}

function messageOf({ why: { code, publicText, rule }, id }: Told): string {
  const marks = [code, ...(rule === undefined ? [] : [`rule ${rule}`]), ...(id === undefined ? [] : [id])];
  return `${publicText} (Sallyport: ${marks.join(", ")})`;
}

export function statusOf(told: Told): object {
  const { code, publicText, rule } = told.why;
  const { status, reason } = KINDS[code] ?? FORBIDDEN;
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: messageOf(told),
    reason,
    details: {
      group: "sallyport.dev",
      causes: [{ reason: code, message: rule ?? publicText }],
      // Clients that know of it wait so long and try again.
      ...(status === BUSY.status ? { retryAfterSeconds: 1 } : {}),
    },
    code: status,
  };
}

export interface Answering {
  readonly isHead: boolean;
  readonly isText: boolean;
  /** Nothing more is read from this client. */
  readonly isLast: boolean;
}

/** To what was no request. */
export const CLOSING: Answering = { isHead: false, isText: false, isLast: true };

/**
 * Where the API tells of itself client-go looks at no `Status`: kubectl, which asks there first, would say "unknown". What it shows is a
 * text, and the API server answers such paths in texts too.
 */
export function answerTo({ method, target }: RequestHead): Pick<Answering, "isHead" | "isText"> {
  const isText = readRequest(method, target).acts.every(({ kind }) => kind === "path");
  return { isHead: method === "HEAD", isText };
}

export function statusResponse(told: Told, { isHead, isText, isLast }: Answering): Buffer {
  const { status, phrase } = KINDS[told.why.code] ?? FORBIDDEN;
  const body = Buffer.from(`${isText ? messageOf(told) : JSON.stringify(statusOf(told))}\n`);
  const fields: Fields = [
    ["Content-Type", isText ? "text/plain; charset=utf-8" : "application/json"],
    ["Content-Length", String(body.length)],
    ["Cache-Control", "no-cache, private"],
    ...(status === BUSY.status ? ([["Retry-After", "1"]] as const) : []),
    ...(isLast ? ([["Connection", "close"]] as const) : []),
  ];
  const head = responseHead(status, phrase, fields);
  return isHead ? head : Buffer.concat([head, body]);
}

/** What ends a watch that has begun well, as the API server ends one. */
export function errorEvent(told: Told): Buffer {
  return chunkOf(Buffer.from(`${JSON.stringify({ type: "ERROR", object: statusOf(told) })}\n`));
}
