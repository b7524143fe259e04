/** One data plane worker: its listeners, its sessions, and its side of the broker port. */
import { type Server, type Socket, createServer } from "node:net";
import type { BrokerPort, Push } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import type { Protocol } from "../protocols/protocol.ts";
import type { AdmissionTools } from "./admission.ts";
import type { Listener } from "./listener.ts";
import { openPlans } from "./plans.ts";
import { type SessionTools, runSession } from "./session.ts";
import { openSessions } from "./sessions.ts";

export interface GatewayOptions {
  /** Its number among the workers, which its cancel keys carry. */
  readonly worker: number;
  readonly port: BrokerPort;
  readonly openRecorder: AdmissionTools["openRecorder"];
  readonly protocolOf: (listener: Listener) => Protocol;
  /** Hands a cancel key to the worker that issued it; this gateway's own come back through `cancel`. */
  readonly passCancel: (key: Uint8Array) => void;
  /** Undefined when this client may connect; asked before anything is read. */
  readonly mayConnect: (client: Socket, listener: Listener) => Promise<Refusal | undefined>;
  readonly sessionsMax: number;
  readonly log: Log;
  readonly nowMs: () => number;
}

export interface Gateway extends AsyncDisposable {
  /** Binds a listener. Rejects with the system's own error when that cannot be done. */
  listen(
    listener: Listener,
    where: { readonly path: string } | { readonly host: string; readonly port: number },
  ): Promise<Server>;
  cancel(key: Uint8Array): void;
  /** What is missing before clients can be served, one thing a line. */
  notReady(): readonly string[];
  /** Accepts no more, waits that long for sessions to end by themselves, then ends them. */
  drain(graceMs: number): Promise<void>;
  readonly sessionCount: number;
  readonly planVersion: string | undefined;
}

const REPORT_MS = 2_000;

export function openGateway(options: GatewayOptions): Gateway {
  const { port, log, nowMs } = options;
  const name = String(options.worker);
  const plans = openPlans();
  const sessions = openSessions(options.worker, options.sessionsMax);
  const servers = new Set<Server>();
  const closing = new AbortController();

  port.subscribe((push: Push) => {
    if (push.kind === "revoked") return sessions.end(push.session, push.refusal);
    plans.accept(push);
    port.applied(name, push.version);
  }, closing.signal);
  plans.onChange((plan) => sessions.adopt(plan));

  const report = (): void =>
    port.report({ worker: name, planVersion: plans.current?.version ?? "", sessions: sessions.reports() });
  const reporting = setInterval(report, REPORT_MS);
  reporting.unref();

  const tools = {
    port,
    plans,
    nowMs,
    openRecorder: options.openRecorder,
    protocolOf: options.protocolOf,
    openSlot: sessions.openSlot,
    cancel: options.passCancel,
  };

  function stopListening(): Promise<unknown> {
    const stopped = [...servers].map((server) => new Promise((resolve) => server.close(resolve)));
    servers.clear();
    return Promise.all(stopped);
  }

  const gateway: Gateway = {
    listen: async (listener, where) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (client) => {
        // Between two reads nobody else listens, and an unheard error would end the process.
        client.on("error", () => client.destroy());
        void serve(client, listener, options, tools, closing.signal);
      });
      await bound(server, where);
      server.on("error", (error) =>
        log.error("listener failed", { listener: listener.name, ...errorFields(error) }),
      );
      servers.add(server);
      return server;
    },
    cancel: sessions.cancel,
    notReady: () => (plans.current === undefined ? ["the broker has not sent a plan yet"] : []),
    drain: async (graceMs) => {
      const stopped = stopListening();
      await Promise.race([sessions.empty(), new Promise((resolve) => setTimeout(resolve, graceMs).unref())]);
      sessions.endAll(refusal("SHUTTING_DOWN"));
      await Promise.all([stopped, sessions.empty()]);
      report();
    },
    get sessionCount() {
      return sessions.count;
    },
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

async function bound(server: Server, where: object): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(where, resolve);
  await promise;
  server.off("error", reject);
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
  } catch (bug) {
    log.error("session ended by a bug", { listener: listener.name, ...errorFields(bug) });
  } finally {
    client.destroy();
  }
}
