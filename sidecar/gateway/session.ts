/**
 * One session from accept to close. This is the only place that knows the order:
 *
 * greet → which Connection → identify → decide → put on record, acknowledged → (hold) → lease → connect → relay → close.
 *
 * Whatever fails on the way is refused in the protocol's own words, and leaves nothing open behind it.
 */
import type { Socket } from "node:net";
import type { BrokerPort } from "#core/port/port.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { Greeting, Protocol, RelayEnd } from "../protocols/protocol.ts";
import { type AdmissionTools, type AdmittedSession, admit } from "./admission.ts";
import { keepLease } from "./lease.ts";
import type { Listener } from "./listener.ts";
import type { ActivePlan } from "./plans.ts";
import { refusalOf } from "./refusing.ts";
import type { Slot } from "./sessions.ts";

export interface SessionTools extends AdmissionTools {
  readonly port: BrokerPort;
  readonly protocolOf: (listener: Listener) => Protocol;
  /** Takes a place among the sessions of this worker; undefined when there is none left. */
  readonly openSlot: () => Slot | undefined;
  /** Hands a cancel key to the worker that issued it. */
  readonly cancel: (key: Uint8Array) => void;
}

/** A client that says nothing useful for that long is not waited for. */
const GREETING_MS = 8_000;

/** `stop` ends the session; its reason is the Refusal that the client is told. */
export async function runSession(
  client: Socket,
  listener: Listener,
  tools: SessionTools,
  stop: AbortSignal,
): Promise<void> {
  using slot = tools.openSlot();
  const signal = slot === undefined ? stop : AbortSignal.any([stop, slot.signal]);
  const greeting = await greet(client, listener, slot, tools, signal);
  if (greeting === undefined) return;
  if (slot === undefined) return greeting.refuse(refusal("LIMIT_GATEWAY"));
  const session = await admit(greeting, listener, tools, slot.end, signal);
  if (isRefusal(session)) return greeting.refuse(session);
  slot.occupy({ id: session.id, report: session.report, adopt: (plan) => adopt(session, plan) });
  let end: RelayEnd = { by: "gateway", refusal: refusal("UPSTREAM_PROTOCOL") };
  try {
    end = await carry(greeting, session, slot, tools, signal);
  } finally {
    session.close(end, { bytesFromClient: client.bytesRead, bytesToClient: client.bytesWritten });
  }
}

function greet(
  client: Socket,
  listener: Listener,
  slot: Slot | undefined,
  tools: SessionTools,
  signal: AbortSignal,
): Promise<Greeting | undefined> {
  const settings = {
    ...listener.greeting,
    cancel: tools.cancel,
    // Without a place the session is refused before it gets a key.
    cancelKey: (lengthBytes: number) => slot?.issueCancelKey(lengthBytes) ?? new Uint8Array(lengthBytes),
  };
  const patience = AbortSignal.any([signal, AbortSignal.timeout(GREETING_MS)]);
  return tools.protocolOf(listener).greet(client, settings, patience);
}

/** From a client that is known and permitted to both sides closed. */
async function carry(
  greeting: Greeting,
  session: AdmittedSession,
  slot: Slot,
  tools: SessionTools,
  signal: AbortSignal,
): Promise<RelayEnd> {
  greeting.welcome();
  const notApproved = await session.askFirst(signal);
  if (notApproved !== undefined) return refuse(greeting, notApproved);
  const { concurrentSessions, sessionSeconds } = session.tap.obligations.limits;
  using _timer = endAfter(sessionSeconds, slot.end);
  const counted = concurrentSessions === undefined ? {} : { concurrentSessionsMax: concurrentSessions };
  const lease = await tools.port.exchange(
    { session: session.id, connection: session.ref, ...counted },
    signal,
  );
  if (isRefusal(lease)) return refuse(greeting, lease);
  session.credential("leased", lease);
  await using kept = keepLease(lease, {
    ...tools,
    end: slot.end,
    onRenewed: (renewed) => session.credential("renewed", renewed),
  });
  const { connection, id } = session;
  const upstream = await greeting.connect(
    { connection, lease, prove: kept.prove, sessionMark: markOf(id) },
    signal,
  );
  if (isRefusal(upstream)) return refuse(greeting, upstream);
  slot.cancels(() => upstream.cancel());
  return upstream.relay(session.tap, signal);
}

async function refuse(greeting: Greeting, why: Refusal): Promise<RelayEnd> {
  await greeting.refuse(why);
  return { by: "gateway", refusal: why };
}

/** A session that a new plan no longer permits ends; what of its statements is no longer permitted its protocol ends. */
function adopt({ tap }: AdmittedSession, plan: ActivePlan): Refusal | undefined {
  const opening = tap.adopt(plan);
  return opening.outcome === "deny" ? refusalOf(opening) : undefined;
}

/** How the upstream's own administrators find the trail: it stands in `application_name` and the like. */
function markOf(id: string): string {
  return `sallyport:${id}`;
}

function endAfter(seconds: number | undefined, end: (why: Refusal) => void): Disposable {
  if (seconds === undefined) return { [Symbol.dispose]: () => undefined };
  const timer = setTimeout(() => end(refusal("LIMIT_SESSION_SECONDS")), seconds * 1_000);
  timer.unref();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
