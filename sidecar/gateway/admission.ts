/** From a client whose intent is known to a session that may go on: who it is, whether it may, and that being on record. */
import { randomBytes } from "node:crypto";
import { DIGEST_KEY_BYTES } from "#core/audit/digest.ts";
import type { SingleBody } from "#core/audit/event.ts";
import type { Caller, ConnectionRef } from "#core/policy/facts.ts";
import { SESSION_BYTES, newSessionId } from "#core/port/ids.ts";
import type {
  BrokerPort,
  ConnectionView,
  LeaseGrant,
  SessionGrant,
  SessionId,
  SessionReport,
} from "#core/port/port.ts";
import { sayIdentity } from "#core/policy/words.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { Greeting, RelayEnd } from "../protocols/protocol.ts";
import type { Recorder } from "../uplink/recorder.ts";
import type { Listener } from "./listener.ts";
import type { Meters } from "./meters.ts";
import type { ActivePlan, Plans } from "./plans.ts";
import { refusalOf } from "./refusing.ts";
import { type SessionTap, openTap } from "./tap.ts";

export interface AdmissionTools {
  readonly port: BrokerPort;
  readonly plans: Plans;
  readonly openRecorder: (
    session: SessionId,
    grant: Pick<SessionGrant, "digestKey">,
    onBroken: (why: Refusal) => void,
  ) => Recorder;
  /** Whether one more event of somebody unknown may be recorded now: strangers are not to fill the trail. */
  readonly mayRecordStranger: () => boolean;
  readonly meters: Meters;
  /** Told of each refusal of a session and of what is asked in it. */
  readonly onRefused: ((why: Refusal, connection: ConnectionRef) => void) | undefined;
  readonly nowMs: () => number;
}

/** On the client's own connection, as the wire has them. */
export interface BytesMoved {
  readonly bytesFromClient: number;
  readonly bytesToClient: number;
}

/** A session that exists: known, permitted and on record. */
export interface AdmittedSession {
  readonly id: SessionId;
  readonly ref: ConnectionRef;
  readonly connection: ConnectionView;
  readonly expiresMs: number;
  readonly tap: SessionTap;
  /** When a person has to be asked before the session may go on: the refusal that came of it. */
  askFirst(signal: AbortSignal): Promise<Refusal | undefined>;
  /** Puts on record that it has a credential, which may not be used before. */
  leased(lease: LeaseGrant): Promise<Refusal | undefined>;
  /** What became of the credential since. */
  credential(action: "proved" | "renewed" | "released", lease: LeaseGrant): void;
  /** The last event of its record. */
  close(end: RelayEnd, moved: BytesMoved): void;
  report(): SessionReport;
}

const newSession = (): SessionId => newSessionId(randomBytes(SESSION_BYTES));
const NO_BYTES: BytesMoved = { bytesFromClient: 0, bytesToClient: 0 };

export async function admit(
  greeting: Greeting,
  listener: Listener,
  tools: AdmissionTools,
  end: (why: Refusal) => void,
  signal: AbortSignal,
): Promise<AdmittedSession | Refusal> {
  const plan = tools.plans.current;
  if (plan === undefined) return refusal("BROKER_UNREACHABLE");
  const connection = plan.connection(listener.connection);
  if (connection === undefined) return refusal("DENY_UNKNOWN_CONNECTION");
  const id = newSession();
  const { evidence } = greeting;
  const grant = await tools.port.identify({ session: id, listener: listener.name, evidence }, signal);
  if (isRefusal(grant)) {
    recordPresented(greeting, listener, grant, tools);
    return grant;
  }
  const recorder = tools.openRecorder(id, grant, end);
  const opening = { id, greeting, listener, connection, grant, recorder, plan };
  const unavailable = await recordOpening(opening);
  if (unavailable !== undefined) {
    // It may have reached the trail all the same, and what was opened there has to be closed.
    recorder.record(nothingHappened(unavailable));
    return unavailable;
  }
  // Decided by the plan of now: it may have changed while the broker was asked, and from here on changes are told.
  const session = openAdmitted({ ...opening, plan: tools.plans.current ?? plan }, tools, signal);
  const { opening: decision } = session.tap;
  if (decision.outcome !== "deny") return session;
  const why = refusalOf(decision);
  session.close({ by: "gateway", refusal: why }, NO_BYTES);
  return why;
}

/** A password that is still out there is worth a record even though nobody is known to stand behind it. */
function recordPresented(
  { presentedSecret }: Greeting,
  listener: Listener,
  { code }: Refusal,
  tools: AdmissionTools,
): void {
  if (presentedSecret === undefined) return;
  const refused = { kind: "session.refused", code, listener: listener.name } as const;
  recordStranger([presentedEvent(presentedSecret, listener), refused], tools);
}

/** Of somebody who gets no session. The last event is one that ends. */
export function recordStranger(
  events: readonly SingleBody[],
  { openRecorder, mayRecordStranger }: AdmissionTools,
): void {
  if (!mayRecordStranger()) return;
  // Of its events none has a text, so there is nothing that the key would have to be kept for.
  const grant = { digestKey: randomBytes(DIGEST_KEY_BYTES) };
  const recorder = openRecorder(newSession(), grant, () => undefined);
  for (const event of events) recorder.record(event);
}

function presentedEvent(how: string, { name }: Listener): SingleBody {
  return { kind: "secret.presented", how, listener: name };
}

interface Opening {
  readonly id: SessionId;
  readonly greeting: Greeting;
  readonly listener: Listener;
  readonly connection: ConnectionView;
  readonly grant: SessionGrant;
  readonly recorder: Recorder;
  readonly plan: ActivePlan;
}

async function recordOpening({
  greeting,
  listener,
  connection,
  grant,
  recorder,
  plan,
}: Opening): Promise<Refusal | undefined> {
  const opened = recorder.recordStrictly({
    kind: "session.open",
    connection: listener.connection,
    protocol: connection.spec.protocol,
    listener: listener.name,
    caller: grant.caller,
    planVersion: plan.version,
    intent: greeting.intent,
  });
  if (greeting.presentedSecret === undefined) return opened;
  const presented = recorder.recordStrictly(presentedEvent(greeting.presentedSecret, listener));
  return (await opened) ?? (await presented);
}

function openAdmitted(opening: Opening, tools: AdmissionTools, signal: AbortSignal): AdmittedSession {
  const { id, greeting, listener, connection, grant, recorder, plan } = opening;
  const { port, meters, nowMs, onRefused } = tools;
  const sinceMs = nowMs();
  meters.opened(listener);
  const credentialEvent = (action: "leased" | "proved" | "renewed" | "released", { lease }: LeaseGrant) =>
    ({ kind: "credential", action, lease, source: listener.connection.name }) as const;
  const hold = (question: string): Promise<"approved" | Refusal> => port.hold(id, question, signal);
  const tap = openTap({
    caller: grant.caller,
    connection: listener.connection,
    opening: greeting.request,
    plan,
    recorder,
    hold,
    meters,
    onRefused: (why) => onRefused?.(why, listener.connection),
    nowMs,
  });
  return {
    id,
    ref: listener.connection,
    connection,
    expiresMs: grant.expiresMs,
    tap,
    askFirst: async () => {
      if (tap.opening.outcome !== "ask") return undefined;
      const answer = await hold(tap.opening.publicText);
      return answer === "approved" ? undefined : answer;
    },
    leased: (lease) => recorder.recordStrictly(credentialEvent("leased", lease)),
    credential: (action, lease) => recorder.record(credentialEvent(action, lease)),
    close: (end, moved) => {
      const event = closing(end, tap, moved);
      meters.ended(listener, event.code);
      recorder.record(event);
    },
    report: () => ({
      session: id,
      connection: listener.connection,
      caller: sayCaller(grant.caller),
      sinceMs,
      statements: tap.totals.requests,
      rows: tap.totals.rows,
    }),
  };
}

type Closing = Extract<SingleBody, { readonly kind: "session.close" }>;

function closing({ by, refusal: why }: RelayEnd, { totals }: SessionTap, moved: BytesMoved): Closing {
  const code = why?.code ?? (by === "client" ? "CLIENT_CLOSED" : "UPSTREAM_CLOSED");
  const { requests, rows, maskedValues } = totals;
  return { kind: "session.close", code, requests, rows, ...moved, maskedValues };
}

function nothingHappened({ code }: Refusal): Closing {
  return { kind: "session.close", code, requests: 0, rows: 0, ...NO_BYTES, maskedValues: 0 };
}

function sayCaller({ identity }: Caller): string {
  return sayIdentity(identity);
}
