/** From a client whose intent is known to a session that may go on: who it is, whether it may, and that being on record. */
import { randomBytes } from "node:crypto";
import type { EventBody } from "#core/audit/event.ts";
import type { Caller, ConnectionRef } from "#core/policy/facts.ts";
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
import type { ActivePlan, Plans } from "./plans.ts";
import { refusalOf } from "./refusing.ts";
import { type SessionTap, openTap } from "./tap.ts";

export interface AdmissionTools {
  readonly port: BrokerPort;
  readonly plans: Plans;
  readonly openRecorder: (
    session: SessionId,
    grant: SessionGrant,
    onBroken: (why: Refusal) => void,
  ) => Recorder;
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
  /** What became of its credential. */
  credential(action: "leased" | "renewed" | "released", lease: LeaseGrant): void;
  /** The last event of its record. */
  close(end: RelayEnd, moved: BytesMoved): void;
  report(): SessionReport;
}

const SESSION_ID_BYTES = 16;

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
  const id = randomBytes(SESSION_ID_BYTES).toString("base64url");
  const { evidence } = greeting;
  const grant = await tools.port.identify({ session: id, listener: listener.name, evidence }, signal);
  if (isRefusal(grant)) return grant;
  const recorder = tools.openRecorder(id, grant, end);
  // The plan may have changed while the broker was asked.
  const opening = { id, greeting, listener, connection, grant, recorder, plan: tools.plans.current ?? plan };
  const unavailable = await recordOpening(opening);
  if (unavailable !== undefined) return unavailable;
  const session = openAdmitted(opening, tools, signal);
  const { opening: decision } = session.tap;
  if (decision.outcome !== "deny") return session;
  const why = refusalOf(decision);
  session.close({ by: "gateway", refusal: why }, { bytesFromClient: 0, bytesToClient: 0 });
  return why;
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
  const presented = recorder.recordStrictly({ kind: "secret.presented", how: greeting.presentedSecret });
  return (await opened) ?? (await presented);
}

function openAdmitted(opening: Opening, tools: AdmissionTools, signal: AbortSignal): AdmittedSession {
  const { id, greeting, listener, connection, grant, recorder, plan } = opening;
  const { port, nowMs } = tools;
  const sinceMs = nowMs();
  const hold = (question: string): Promise<"approved" | Refusal> => port.hold(id, question, signal);
  const tap = openTap({
    caller: grant.caller,
    connection: listener.connection,
    opening: greeting.request,
    plan,
    recorder,
    hold,
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
    credential: (action, lease) =>
      recorder.record({ kind: "credential", action, lease: lease.lease, source: listener.connection.name }),
    close: (end, moved) => recorder.record(closing(end, tap, moved)),
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

function closing({ by, refusal: why }: RelayEnd, { totals }: SessionTap, moved: BytesMoved): EventBody {
  const code = why?.code ?? (by === "client" ? "CLIENT_CLOSED" : "UPSTREAM_CLOSED");
  const { requests, rows, maskedValues } = totals;
  return { kind: "session.close", code, requests, rows, ...moved, maskedValues };
}

function sayCaller({ identity }: Caller): string {
  return sayIdentity(identity);
}
