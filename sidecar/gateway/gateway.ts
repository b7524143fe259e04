/** One data plane worker: the clients that are handed to it, their sessions, and its side of the broker port. */
import type { LookupFunction, Socket } from "node:net";
import type { SingleBody } from "#core/audit/event.ts";
import type { BrokerPort, Push, Report } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import type { Protocol } from "../protocols/protocol.ts";
import { type AdmissionTools, recordStranger } from "./admission.ts";
import type { Listener } from "./listener.ts";
import type { Meters } from "./meters.ts";
import { openDoorway } from "./patience.ts";
import { type ActivePlan, openPlans } from "./plans.ts";
import { type SessionTools, refuseClient, runSession } from "./session.ts";
import { type Sessions, openSessions } from "./sessions.ts";

export interface GatewayOptions {
  /** Its number among the workers, which its cancel keys carry. */
  readonly worker: number;
  readonly port: BrokerPort;
  readonly openRecorder: AdmissionTools["openRecorder"];
  readonly protocolOf: (listener: Listener) => Protocol;
  /** Hands a cancel key to the worker that issued it; this gateway's own come back through `cancel`. */
  readonly passCancel: (key: Uint8Array) => void;
  /** How names of upstreams become addresses; undefined: as this machine does it. */
  readonly lookup?: LookupFunction;
  /** Undefined when this client may connect; asked before anything is read. */
  readonly mayConnect: (client: Socket, listener: Listener) => Promise<Refusal | undefined>;
  readonly sessionsMax: number;
  readonly meters: Meters;
  readonly onRefused?: NonNullable<AdmissionTools["onRefused"]>;
  /** What was refused lately, where somebody keeps it. */
  readonly refused?: () => NonNullable<Report["refused"]>;
  readonly log: Log;
  readonly nowMs: () => number;
}

export interface Gateway extends AsyncDisposable {
  /** The listeners that there are from now on. Sessions that came by one that is gone go on. */
  update(listeners: readonly Listener[]): void;
  /** Serves a client that arrived at the listener of that name; the socket is the gateway's from here on. */
  accept(client: Socket, listener: string): void;
  /** The same for a client whose own destination says which Connection it means. */
  take(client: Socket, listener: Listener): void;
  /** Puts on record one event of somebody who gets no session; of too many a second the rest is left to the metrics. */
  recordStranger(body: SingleBody): void;
  cancel(key: Uint8Array): void;
  /** What is missing before clients can be served, one thing a line. */
  notReady(): readonly string[];
  /** Accepts no more, waits that long for sessions to end by themselves, then ends them. */
  drain(graceMs: number): Promise<void>;
  /** Clients that have not said anything yet among them. */
  readonly sessionCount: number;
  readonly plan: ActivePlan | undefined;
  /** Called after each change of it. */
  onPlan(listener: (plan: ActivePlan) => void): void;
  readonly planVersion: string | undefined;
}

const REPORT_MS = 2_000;
/** Clients that get no place and are told why. */
const DOORWAY_MAX = 200;
/** Recorded clients that nobody knows; the others are counted by the metrics only. */
const STRANGERS_PER_SECOND = 10;

export function openGateway(options: GatewayOptions): Gateway {
  const { port, log } = options;
  const name = String(options.worker);
  const plans = openPlans();
  const sessions = openSessions(options.worker, options.sessionsMax);
  let listeners: ReadonlyMap<string, Listener> = new Map();
  let isDraining = false;
  const closing = new AbortController();

  port.subscribe((push: Push) => {
    if (push.kind === "revoked") return sessions.end(push.session, push.refusal);
    plans.accept(push);
    port.applied(name, push.version);
  }, closing.signal);
  plans.onChange((plan) => sessions.adopt(plan));

  const report = (): void => port.report(reportOf(name, plans.current, sessions, options.refused?.()));
  const reporting = setInterval(report, REPORT_MS);
  reporting.unref();

  const mayRecordStranger = atMost(STRANGERS_PER_SECOND, options.nowMs);
  const tools = {
    ...options,
    plans,
    mayRecordStranger,
    openSlot: sessions.openSlot,
    doorway: openDoorway(DOORWAY_MAX),
    lookup: options.lookup,
    onRefused: options.onRefused,
    cancel: options.passCancel,
  };

  const gateway: Gateway = {
    update: (all) => {
      listeners = new Map(all.map((listener) => [listener.name, listener]));
    },
    accept: (client, listenerName) => {
      const listener = listeners.get(listenerName);
      if (listener !== undefined) return gateway.take(client, listener);
      log.warn("client of no listener", { listener: listenerName });
      client.on("error", () => undefined).destroy();
    },
    take: (client, listener) => {
      // Between two reads nobody else listens, and an unheard error would end the process.
      client.on("error", () => client.destroy());
      if (!isDraining) return void serve(client, listener, options, tools, closing.signal);
      log.warn("client while draining", { listener: listener.name });
      client.destroy();
    },
    recordStranger: (body) => recordStranger([body], tools),
    cancel: sessions.cancel,
    notReady: () => (plans.current === undefined ? ["the broker has not sent a plan yet"] : []),
    drain: async (graceMs) => {
      isDraining = true;
      await drain(sessions, graceMs);
      report();
    },
    get sessionCount() {
      return sessions.count;
    },
    get plan() {
      return plans.current;
    },
    onPlan: (listener) => void plans.onChange(listener),
    get planVersion() {
      return plans.current?.version;
    },
    [Symbol.asyncDispose]: async () => {
      await gateway.drain(0);
      clearInterval(reporting);
      closing.abort(refusal("SHUTTING_DOWN"));
    },
  };
  return gateway;
}

function reportOf(
  worker: string,
  plan: ActivePlan | undefined,
  sessions: Sessions,
  refused: Report["refused"],
): Report {
  const now = { worker, planVersion: plan?.version ?? "", sessions: sessions.reports() };
  return refused === undefined ? now : { ...now, refused };
}

async function drain(sessions: Sessions, graceMs: number): Promise<void> {
  sessions.endUnadmitted(refusal("SHUTTING_DOWN"));
  using grace = startGrace(graceMs);
  await Promise.race([sessions.empty(), grace.over]);
  sessions.endAll(refusal("SHUTTING_DOWN"));
  await sessions.empty();
}

/** In each second of the clock. */
function atMost(times: number, nowMs: () => number): () => boolean {
  let second = 0;
  let count = 0;
  return () => {
    const now = Math.floor(nowMs() / 1_000);
    if (now !== second) [second, count] = [now, 0];
    count += 1;
    return count <= times;
  };
}

function startGrace(graceMs: number): Disposable & { readonly over: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, graceMs);
  return { over: promise, [Symbol.dispose]: () => clearTimeout(timer) };
}

/** Whatever happens in one session ends with it. */
async function serve(
  client: Socket,
  listener: Listener,
  { mayConnect, log }: GatewayOptions,
  tools: SessionTools,
  stop: AbortSignal,
): Promise<void> {
  try {
    const stranger = await mayConnect(client, listener);
    if (stranger === undefined) return await runSession(client, listener, tools, stop);
    log.warn("client refused before its greeting", { listener: listener.name, code: stranger.code });
    await refuseClient(client, listener, stranger, tools, stop);
  } catch (bug) {
    log.error("session ended by a bug", { listener: listener.name, ...errorFields(bug) });
  } finally {
    client.destroy();
  }
}
