/**
 * One session from accept to close. This is the only place that knows the order:
 *
 * greet → which Connection → identify → decide → put on record, acknowledged → (hold) → lease → connect → relay → close.
 *
 * Whatever fails on the way is refused in the protocol's own words, and leaves nothing open behind it.
 */
import type { LookupFunction, Socket } from "node:net";
import type { BrokerPort, Challenge } from "#core/port/port.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { Greeting, Protocol, RelayEnd } from "../protocols/protocol.ts";
import { type AdmissionTools, type AdmittedSession, admit } from "./admission.ts";
import { Expiry } from "./expiry.ts";
import { keepLease } from "./lease.ts";
import type { Listener } from "./listener.ts";
import { type Doorway, LITTLE_PATIENCE, PATIENCE, openPatience } from "./patience.ts";
import type { Slot } from "./sessions.ts";

export interface SessionTools extends AdmissionTools {
  readonly port: BrokerPort;
  readonly protocolOf: (listener: Listener) => Protocol;
  /** Takes a place among the sessions of this worker; undefined when there is none left. */
  readonly openSlot: () => Slot | undefined;
  readonly doorway: Doorway;
  /** Hands a cancel key to the worker that issued it. */
  readonly cancel: (key: Uint8Array) => void;
  /** How names of upstreams become addresses; undefined: as this machine does it. */
  readonly lookup: LookupFunction | undefined;
}

/** `stop` ends a session that has no place, as the place's own signal does; its reason is the Refusal that the client is told. */
export async function runSession(
  client: Socket,
  listener: Listener,
  tools: SessionTools,
  stop: AbortSignal,
): Promise<void> {
  using slot = tools.openSlot();
  const signal = slot?.signal ?? stop;
  const greeting = await greet(client, listener, slot, tools, signal);
  if (greeting === undefined) return;
  if (isRefusal(greeting)) return tools.meters.turnedAway(listener, greeting.code);
  const session =
    slot === undefined
      ? refusal("LIMIT_GATEWAY")
      : await unlessStopped(admit(greeting, listener, tools, slot.end, signal), signal);
  if (slot === undefined || isRefusal(session)) return turnAway(greeting, listener, session, tools);
  const { plans, nowMs } = tools;
  using expiry = new Expiry(session.tap, { plans, nowMs, end: slot.end });
  slot.occupy({ id: session.id, report: session.report, adopt: (plan) => expiry.adopt(plan) });
  let end: RelayEnd = { by: "gateway", refusal: refusal("UPSTREAM_PROTOCOL") };
  try {
    end = await carry(greeting, session, slot, tools, signal);
  } finally {
    if (end.refusal !== undefined) tools.onRefused?.(end.refusal, session.ref);
    session.close(end, { bytesFromClient: client.bytesRead, bytesToClient: client.bytesWritten });
  }
}

/** For a client that may not connect at all: it is listened to only so far that it understands why not. */
export async function refuseClient(
  client: Socket,
  listener: Listener,
  why: Refusal,
  tools: SessionTools,
  stop: AbortSignal,
): Promise<void> {
  const deaf = { ...tools, cancel: () => undefined };
  const greeting = await greet(client, listener, undefined, deaf, stop);
  if (greeting !== undefined && !isRefusal(greeting)) return turnAway(greeting, listener, why, tools);
  tools.meters.turnedAway(listener, why.code);
}

async function turnAway(
  greeting: Greeting,
  listener: Listener,
  why: AdmittedSession | Refusal,
  { meters, onRefused }: SessionTools,
): Promise<void> {
  if (!isRefusal(why)) return;
  onRefused?.(why, listener.connection);
  meters.turnedAway(listener, why.code);
  await greeting.refuse(why);
}

/** A wait that ends because the session has to end comes to the Refusal that says why. */
async function unlessStopped<Value>(wait: Promise<Value>, signal: AbortSignal): Promise<Value | Refusal> {
  try {
    return await wait;
  } catch (error) {
    const reason: unknown = signal.reason;
    if (signal.aborted && typeof reason === "object" && reason !== null && isRefusal(reason)) return reason;
    throw error;
  }
}

async function greet(
  client: Socket,
  listener: Listener,
  slot: Slot | undefined,
  tools: SessionTools,
  signal: AbortSignal,
): Promise<Greeting | Refusal | undefined> {
  using patience = openPatience(signal, slot === undefined ? LITTLE_PATIENCE : PATIENCE);
  using _inside = slot === undefined ? tools.doorway(patience) : undefined;
  const settings = {
    ...listener.greeting,
    progressed: patience.progressed,
    cancel: tools.cancel,
    // Without a place the session is refused before it gets a key.
    cancelKey: (lengthBytes: number) => slot?.issueCancelKey(lengthBytes) ?? new Uint8Array(lengthBytes),
  };
  const greeting = await tools.protocolOf(listener).greet(client, settings, patience.signal);
  // Nobody is told, but whoever looks after the gateway hears of it.
  const isLate = greeting === undefined && patience.signal.aborted && !signal.aborted;
  return isLate ? refusal(slot === undefined ? "LIMIT_GATEWAY" : "CLIENT_TIMEOUT") : greeting;
}

/** From a client that is known and permitted to both sides closed. */
async function carry(
  greeting: Greeting,
  session: AdmittedSession,
  slot: Slot,
  tools: SessionTools,
  signal: AbortSignal,
): Promise<RelayEnd> {
  const unsuited = greeting.unsuited?.(session.connection);
  if (unsuited !== undefined) return refuse(greeting, unsuited);
  greeting.welcome();
  const notApproved = await unlessStopped(session.askFirst(signal), signal);
  if (notApproved !== undefined) return refuse(greeting, notApproved);
  const { concurrentSessions, sessionSeconds } = session.tap.obligations.limits;
  using _timer = endAfter(sessionSeconds, slot.end);
  const counted = concurrentSessions === undefined ? {} : { concurrentSessionsMax: concurrentSessions };
  const request = { session: session.id, connection: session.ref, ...counted };
  const lease = await unlessStopped(tools.port.exchange(request, signal), signal);
  if (isRefusal(lease)) return refuse(greeting, lease);
  const { port, nowMs } = tools;
  const onEvent = session.credential;
  const recorded = session.leased(lease);
  await using kept = keepLease(lease, { port, nowMs, end: slot.end, onEvent, recorded });
  // The upstream is dialled meanwhile where nothing comes of that without a proof, which waits for the record.
  const isProved = session.connection.spec.credential !== "none";
  const unrecorded = isProved ? undefined : await unlessStopped(recorded, signal);
  if (unrecorded !== undefined) return refuse(greeting, unrecorded);
  const { connection, id } = session;
  const target = {
    connection,
    lease,
    prove: (challenge: Challenge, wait: AbortSignal) => kept.prove(challenge, wait),
    sessionMark: markOf(id),
    lookup: tools.lookup,
  };
  const upstream = await unlessStopped(greeting.connect(target, signal), signal);
  if (isRefusal(upstream)) return refuse(greeting, upstream);
  slot.cancels(() => upstream.cancel());
  // Awaited here: the lease and the time limit are to be held until the end.
  return await upstream.relay(session.tap, signal);
}

async function refuse(greeting: Greeting, why: Refusal): Promise<RelayEnd> {
  await greeting.refuse(why);
  return { by: "gateway", refusal: why };
}

/** How the upstream's own administrators find the trail: it stands in `application_name` and the like. */
function markOf(id: string): string {
  return `sallyport:${id}`;
}

const NEVER: Disposable = { [Symbol.dispose]: () => undefined };

function endAfter(seconds: number | undefined, end: (why: Refusal) => void): Disposable {
  if (seconds === undefined) return NEVER;
  const timer = setTimeout(() => end(refusal("LIMIT_SESSION_SECONDS")), seconds * 1_000);
  timer.unref();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
