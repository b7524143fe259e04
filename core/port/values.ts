/** The shapes of what crosses the port, one for each type of port.ts. */
import type {
  AncestorKind,
  Caller,
  CallingPod,
  ClaimValue,
  ConnectionRef,
  Identity,
} from "../policy/facts.ts";
import { DECISION_CODES } from "../policy/decision.ts";
import { HASH_BYTES } from "../audit/chain.ts";
import { DIGEST_KEY_BYTES } from "../audit/digest.ts";
import { LEAF_BYTES_MAX, TEXT_BYTES_MAX } from "../audit/leaf.ts";
import { MD5_RESPONSE_BYTES, MD5_SALT_BYTES } from "../wire/postgres/md5.ts";
import { RUNTIME_CODES, type Refusal, type RefusalCode, isRefusal } from "../values/refusal.ts";
import type {
  AppendAnswer,
  Challenge,
  ConnectionView,
  Evidence,
  ExchangeRequest,
  Hello,
  IdentifyRequest,
  LeaseGrant,
  Proof,
  Push,
  RefusedReport,
  Report,
  SealedEvent,
  SessionGrant,
  Welcome,
} from "./port.ts";
import type { PolicySource } from "../api/loaded.ts";
import { SESSION_ID } from "./ids.ts";
import {
  type Shape,
  bytes,
  dictionary,
  document,
  either,
  flag,
  list,
  oneOf,
  optional,
  record,
  secret,
  text,
  union,
  whole,
} from "./shapes.ts";

/** Events of one batch; a data plane holds no more than a quarter of it back for one session. */
export const BATCH_EVENTS_MAX = 1_024;
export const TOKEN_BYTES_MAX = 64 * 1024;
export const SESSIONS_PER_REPORT_MAX = 20_000;
export const REFUSED_PER_REPORT_MAX = 16;
/** What the broker reads of a password file at most. */
export const PASSWORD_BYTES_MAX = 4_096;

const NAME_MAX = 253;
/** Texts of SCRAM, of refusals and of people. */
const TEXT_MAX = 4_096;

const name = text(NAME_MAX);
const words = text(TEXT_MAX);
export const session = text(22, SESSION_ID);
export const lease = text(128);
const timeMs = whole(0);

const refusalCode = oneOf([...Object.keys(DECISION_CODES), ...Object.keys(RUNTIME_CODES)] as RefusalCode[]);
export const refusalShape: Shape<Refusal> = record<Refusal>({
  code: refusalCode,
  publicText: words,
  rule: optional(text(2 * NAME_MAX)),
});

/** What an operation answers with: its value, or why not. */
export function orRefusal<Value>(value: Shape<Value>): Shape<Value | Refusal> {
  const looksRefused = (answer: unknown): boolean =>
    typeof answer === "object" && answer !== null && !Array.isArray(answer) && isRefusal(answer);
  return either(value, refusalShape, looksRefused);
}

export const hello: Shape<Hello> = record<Hello>({
  versions: list(whole(1, 65_535), 64),
  worker: name,
  run: name,
});
export const welcome: Shape<Welcome> = record<Welcome>({
  version: whole(1, 65_535),
  broker: name,
  run: optional(name),
});

const evidence: Shape<Evidence> = union<Evidence>({
  ambient: record({}),
  token: record<{ readonly token: Uint8Array }>({ token: secret(0, TOKEN_BYTES_MAX) }),
});
export const identifyRequest: Shape<IdentifyRequest> = record<IdentifyRequest>({
  session,
  listener: name,
  evidence,
});

const claimList = list(text(TEXT_MAX), 1_024);
const claim: Shape<ClaimValue> = {
  write: (value) => value,
  read: (json, parts, place) => {
    if (typeof json === "boolean") return flag.read(json, parts, place);
    if (typeof json === "number") return json;
    return Array.isArray(json) ? claimList.read(json, parts, place) : words.read(json, parts, place);
  },
};
/** As many as fit into what admission puts on record of a requester. */
const GROUPS_MAX = 65_536;
const identity: Shape<Identity> = record<Identity>({
  pod: optional(record<NonNullable<Identity["pod"]>>({ namespace: name, name, uid: name })),
  serviceAccount: optional(record<NonNullable<Identity["serviceAccount"]>>({ namespace: name, name })),
  oidc: optional(
    record<NonNullable<Identity["oidc"]>>({ provider: name, claims: dictionary(claim, 256, NAME_MAX) }),
  ),
  user: optional(
    record<NonNullable<Identity["user"]>>({ name: words, groups: list(text(TEXT_MAX), GROUPS_MAX) }),
  ),
});
const ancestorKinds: readonly AncestorKind[] = ["agent", "person", "ci", "controller"];
const caller: Shape<Caller> = record<Caller>({
  identity,
  pod: optional(record<CallingPod>({ namespace: name, name, uid: name, credential: name })),
  ancestors: list(record({ kind: oneOf(ancestorKinds), identity }), 32),
});
export const sessionGrant: Shape<SessionGrant> = record<SessionGrant>({
  caller,
  digestKey: secret(DIGEST_KEY_BYTES, DIGEST_KEY_BYTES),
  expiresMs: timeMs,
});

const connectionRef: Shape<ConnectionRef> = record<ConnectionRef>({ namespace: name, name });
export const exchangeRequest: Shape<ExchangeRequest> = record<ExchangeRequest>({
  session,
  connection: connectionRef,
  concurrentSessionsMax: optional(whole(0)),
  user: optional(name),
});
export const leaseGrant: Shape<LeaseGrant> = record<LeaseGrant>({ lease, user: name, expiresMs: timeMs });

type Of<Union, Kind extends string> = Omit<Extract<Union, { readonly kind: Kind }>, "kind">;

/** RFC 5802 messages are ASCII but for names; the binding data are at most a digest behind a short header. */
export const challenge: Shape<Challenge> = union<Challenge>({
  "scram-sha-256": record<Of<Challenge, "scram-sha-256">>({
    clientFirstBare: words,
    serverFirst: words,
    channelBinding: bytes(0, 1_024),
  }),
  md5: record<Of<Challenge, "md5">>({ user: name, salt: bytes(MD5_SALT_BYTES, MD5_SALT_BYTES) }),
  cleartext: record({}),
  bearer: record({}),
});
export const proof: Shape<Proof> = union<Proof>({
  "scram-sha-256": record<Of<Proof, "scram-sha-256">>({
    clientFinal: words,
    serverSignature: bytes(0, 128),
  }),
  md5: record<Of<Proof, "md5">>({ response: secret(MD5_RESPONSE_BYTES, MD5_RESPONSE_BYTES) }),
  cleartext: record<Of<Proof, "cleartext">>({ password: secret(1, PASSWORD_BYTES_MAX) }),
  bearer: record<Of<Proof, "bearer">>({ token: secret(1, PASSWORD_BYTES_MAX), expiresMs: optional(timeMs) }),
});
/** What of a proof must not linger with whoever has passed it on. */
export function wipeProof(answer: Proof | Refusal): void {
  if (isRefusal(answer)) return;
  if (answer.kind === "md5") answer.response.fill(0);
  if (answer.kind === "cleartext") answer.password.fill(0);
  if (answer.kind === "bearer") answer.token.fill(0);
}

const sealedEvent: Shape<SealedEvent> = record<SealedEvent>({
  session,
  seq: whole(0),
  previous: bytes(HASH_BYTES, HASH_BYTES),
  hash: bytes(HASH_BYTES, HASH_BYTES),
  leaf: bytes(1, LEAF_BYTES_MAX),
  payload: optional(bytes(0, TEXT_BYTES_MAX)),
});
export const batch: Shape<readonly SealedEvent[]> = list(sealedEvent, BATCH_EVENTS_MAX);
const appendAnswer: Shape<AppendAnswer> = either(
  record({ session, seq: whole(-1) }),
  record({ session, refusal: refusalShape }),
  (answer) => typeof answer === "object" && answer !== null && "refusal" in answer,
);
export const appendAnswers: Shape<readonly AppendAnswer[]> = list(appendAnswer, BATCH_EVENTS_MAX);

const connectionView: Shape<ConnectionView> = document<ConnectionView>(
  ({ metadata, spec }) => typeof metadata === "object" && typeof spec === "object",
);
const policySource: Shape<PolicySource> = document<PolicySource>(
  ({ state, origin }) => (state === "good" || state === "broken") && typeof origin === "string",
);
export const push: Shape<Push> = union<Push>({
  plan: record({
    version: name,
    connections: list(connectionView, 10_000),
    policies: list(policySource, 10_000),
  }),
  revoked: record({ session, refusal: refusalShape }),
});

export const report: Shape<Report> = record<Report>({
  worker: name,
  planVersion: name,
  sessions: list(
    record({
      session,
      connection: connectionRef,
      caller: words,
      sinceMs: timeMs,
      statements: whole(0),
      rows: whole(0),
    }),
    SESSIONS_PER_REPORT_MAX,
  ),
  refused: optional(
    list(
      record<RefusedReport>({ about: text(2 * NAME_MAX), code: refusalCode, count: whole(0), atMs: timeMs }),
      REFUSED_PER_REPORT_MAX,
    ),
  ),
});

export const question: Shape<string> = text(64 * 1024);
export const planVersion: Shape<string> = name;
export const workerName: Shape<string> = name;
