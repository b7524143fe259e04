/** The workers of one gateway, told the same and taken in turn. */
import type { Socket } from "node:net";
import type { Log, LogLevel } from "#runtime/log.ts";
import { MEMORY_FLAGS } from "#runtime/memory-flags.ts";
import { type Supervised, supervise } from "#runtime/supervised.ts";
import { workerOf } from "#sidecar/gateway/cancel-keys.ts";
import {
  type FromWorker,
  type ListenerSettings,
  type ToWorker,
  fromWorker,
  toWorker,
} from "#sidecar/process/messages.ts";
import { WORKER_NODE_FLAGS, WORKER_PROGRAM } from "#sidecar/process/program.ts";
import type { Account } from "./accounts.ts";
import type { Target } from "./placement.ts";

export interface CrewOptions {
  readonly workers: number;
  readonly portPath: string;
  readonly sessionsMax: number;
  readonly trailWaitMs: number;
  readonly logLevel: LogLevel;
  readonly account: Account | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** As they are now: for a worker that starts. */
  readonly listeners: () => readonly ListenerSettings[];
  /** A worker became ready or stopped being so. */
  readonly onChange: () => void;
  readonly onEnd: (worker: string, how: string) => void;
  readonly onMetrics: (id: number, text: string) => void;
  /** A client whose worker died before it had it. */
  readonly onReturned: (client: Socket, listener: string) => void;
  readonly log: Log;
}

export interface Crew {
  /** None before `begin`. */
  readonly all: readonly Supervised<ToWorker>[];
  /** Starts the workers, once. */
  begin(): void;
  ready(): readonly Target[];
  /** Empty when at least one worker serves. */
  missing(): readonly string[];
  tellListeners(listeners: readonly ListenerSettings[]): void;
  stop(graceMs: number, afterMs: number): Promise<void>;
}

interface Worker extends Target {
  readonly process: Supervised<ToWorker>;
  /** Clients on their way to it, by number: should it die now, they are not lost. */
  readonly handed: Map<number, HandedClient>;
  /** Undefined until it has said how it is. */
  missing: readonly string[] | undefined;
}

interface HandedClient {
  readonly client: Socket;
  readonly listener: string;
}

/** Of the environment a worker gets what Node and the resolver may want, and nothing that could hold a secret. */
const INHERITED = ["LANG", "LC_ALL", "TZ", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"] as const;

export function openCrew(options: CrewOptions): Crew {
  const environment = Object.fromEntries(INHERITED.map((name) => [name, options.environment[name]]));
  const workers: Worker[] = [];
  const ready = (): readonly Worker[] =>
    workers.filter(({ process, missing }) => process.isRunning && missing?.length === 0);
  return {
    get all() {
      return workers.map(({ process }) => process);
    },
    begin: () => {
      for (let number = workers.length + 1; number <= options.workers; number += 1)
        workers.push(startWorker(number, environment, options, (key) => passCancel(workers, key)));
    },
    ready,
    missing: () => {
      if (ready().length > 0) return [];
      return workers.length === 0 ? ["the workers have not been started"] : whatIsMissing(workers);
    },
    tellListeners: (listeners) => {
      for (const { process } of workers) process.tell({ kind: "listeners", listeners });
    },
    stop: async (graceMs, afterMs) => {
      const last = { kind: "drain", graceMs } as const;
      // Said again when the time was cut short.
      for (const { process } of workers) process.tell(last);
      await Promise.all(workers.map(({ process }) => process.stop(last, graceMs + afterMs)));
    },
  };
}

function startWorker(
  number: number,
  environment: Readonly<Record<string, string | undefined>>,
  options: CrewOptions,
  pass: (key: Uint8Array) => void,
): Worker {
  const { portPath, sessionsMax, trailWaitMs, logLevel, account, listeners, onChange, log } = options;
  const settings = { worker: number, portPath, sessionsMax, trailWaitMs, logLevel };
  let lastClient = 0;
  const heard = (message: FromWorker): void => {
    switch (message.kind) {
      case "started":
        return;
      case "taken":
        // Closed here only; the worker has the connection.
        worker.handed.get(message.id)?.client.destroy();
        worker.handed.delete(message.id);
        return;
      case "state":
        worker.missing = message.missing;
        return onChange();
      case "cancel":
        return pass(message.key);
      case "metrics":
        return options.onMetrics(message.id, message.text);
    }
  };
  const process = supervise<ToWorker, FromWorker>({
    name: `worker ${number}`,
    program: WORKER_PROGRAM,
    nodeFlags: [...WORKER_NODE_FLAGS, ...MEMORY_FLAGS],
    environment,
    account,
    to: toWorker,
    from: fromWorker,
    greeting: () => [
      { kind: "start", settings },
      { kind: "listeners", listeners: listeners() },
    ],
    onMessage: heard,
    onEnd: (how) => {
      worker.missing = undefined;
      options.onEnd(process.name, how);
      const returned = [...worker.handed.values()];
      worker.handed.clear();
      // It read nothing of them: that it has one it says before.
      for (const { client, listener } of returned) options.onReturned(client, listener);
      onChange();
    },
    log,
  });
  const worker: Worker = {
    process,
    handed: new Map(),
    missing: undefined,
    take: (client: Socket, listener: string) => {
      lastClient += 1;
      if (!process.tell({ kind: "client", id: lastClient, listener }, client)) return false;
      worker.handed.set(lastClient, { client, listener });
      return true;
    },
  };
  return worker;
}

/** A key says whose it is; a guess of somebody else's number reaches a worker that does not know it. */
function passCancel(workers: readonly Worker[], key: Uint8Array): void {
  const number = workerOf(key);
  if (number !== undefined) workers[number - 1]?.process.tell({ kind: "cancel", key });
}

function whatIsMissing(workers: readonly Worker[]): readonly string[] {
  return workers.flatMap(({ process, missing }) =>
    (missing ?? ["it is starting"]).map((what) => `${process.name}: ${what}`),
  );
}
