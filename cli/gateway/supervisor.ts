/** One gateway: a broker, its workers and the listeners above them, kept running until it is told to end. */
import type { Socket } from "node:net";
import {
  type FromBrokerProcess,
  type ListenerPlan,
  type ToBrokerProcess,
  fromBrokerProcess,
  toBrokerProcess,
} from "#broker/process/messages.ts";
import { BROKER_PROGRAM } from "#broker/process/program.ts";
import type { Log, LogLevel } from "#runtime/log.ts";
import { MEMORY_FLAGS } from "#runtime/memory-flags.ts";
import { type Supervised, supervise } from "#runtime/supervised.ts";
import type { ListenerSettings } from "#sidecar/process/messages.ts";
import type { Accounts } from "./accounts.ts";
import { openCertificates } from "./certificates.ts";
import type { DataFolders } from "./folders.ts";
import { type Listening, type OpenListener, openListening } from "./listening.ts";
import { type SupervisorMetrics, openSupervisorMetrics } from "./metrics.ts";
import { openPlacement } from "./placement.ts";
import { type Crew, openCrew } from "./workers.ts";

export interface SupervisorOptions {
  readonly config: string;
  readonly folders: DataFolders;
  readonly workers: number;
  readonly accounts: Accounts | undefined;
  readonly sessionsMax: number;
  readonly trailWaitMs: number;
  readonly logLevel: LogLevel;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly ownUid: number | undefined;
  readonly log: Log;
  readonly nowMs: () => number;
}

export interface Supervisor {
  /** Resolves with the open listeners once clients are served; in words: why they never will be. */
  readonly ready: Promise<readonly OpenListener[] | string>;
  readonly metrics: SupervisorMetrics;
  /** What is missing before clients are served, one thing a line. */
  notReady(): readonly string[];
  /** Accepts no more and ends when sessions have ended, after that long at the latest. A second call may only shorten it. */
  stop(graceMs: number): Promise<void>;
}

/** Beyond its grace: what a process needs to put its house in order. */
const WORKER_STOP_MS = 5_000;
const BROKER_STOP_MS = 10_000;
/** Certificates in files are renewed by others; ours by us. */
const CERTIFICATES_MS = 5_000;

export function startSupervisor(options: SupervisorOptions): Supervisor {
  return new LiveSupervisor(options);
}

class LiveSupervisor implements Supervisor {
  readonly #options: SupervisorOptions;
  readonly #ready = Promise.withResolvers<readonly OpenListener[] | string>();
  readonly #broker: Supervised<ToBrokerProcess>;
  readonly #crew: Crew;
  readonly #listening: Listening;
  readonly #certificates;
  readonly #placement;
  readonly #looking: NodeJS.Timeout;
  readonly metrics: SupervisorMetrics;
  #plans: readonly ListenerPlan[] = [];
  #settingsText = "";
  #problems: ReadonlyMap<string, string> = new Map();
  #applying: Promise<void> = Promise.resolve();
  #brokerStarted = false;
  #wasReady = false;
  #stopping: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    const { folders, log } = options;
    this.#options = options;
    this.#certificates = openCertificates(folders, options.nowMs);
    this.#placement = openPlacement({ ready: () => this.#crew.ready() });
    this.#listening = openListening((client: Socket, name) => this.#placement.place(client, name), log);
    this.#broker = this.#startBroker();
    this.#crew = openCrew({
      ...options,
      portPath: folders.portPath,
      account: options.accounts?.dataPlane,
      listeners: () => this.#settings(),
      onChange: () => this.#look(),
      onEnd: (worker, how) => this.#giveUp(`${worker} ended before it was ready: ${how}`),
      onMetrics: (id, text) => this.metrics.answered(id, text),
      onReturned: (client, name) => this.#placement.place(client, name),
    });
    this.metrics = openSupervisorMetrics({ broker: this.#broker, crew: this.#crew });
    this.#looking = setInterval(() => this.#renewCertificates(), CERTIFICATES_MS).unref();
  }

  get ready(): Promise<readonly OpenListener[] | string> {
    return this.#ready.promise;
  }

  notReady(): readonly string[] {
    return [
      ...(this.#brokerStarted ? [] : ["the broker is not running"]),
      ...this.#crew.missing(),
      ...[...this.#problems].map(([name, why]) => `listener ${name}: ${why}`),
      ...(this.#stopping === undefined ? [] : ["the gateway is shutting down"]),
    ];
  }

  async stop(graceMs: number): Promise<void> {
    this.#listening.close();
    this.#placement.close();
    clearInterval(this.#looking);
    const crew = this.#crew.stop(graceMs, WORKER_STOP_MS);
    this.#stopping ??= crew.then(() => this.#broker.stop({ kind: "stop" }, BROKER_STOP_MS));
    return this.#stopping;
  }

  #startBroker(): Supervised<ToBrokerProcess> {
    const { config, folders, accounts, logLevel, environment, log } = this.#options;
    const { data: state, portPath, adminPath } = folders;
    const settings = {
      config,
      state,
      portPath,
      adminPath,
      logLevel,
      ...(accounts === undefined ? {} : { groupId: accounts.broker.gid }),
    };
    return supervise({
      name: "broker",
      program: BROKER_PROGRAM,
      nodeFlags: MEMORY_FLAGS,
      // Kinds may name variables of it as the place of a secret.
      environment,
      account: accounts?.broker,
      to: toBrokerProcess,
      from: fromBrokerProcess,
      greeting: () => [{ kind: "start", settings }],
      onMessage: (message) => this.#heard(message),
      onEnd: (how) => {
        this.#brokerStarted = false;
        this.#giveUp(`the broker ended before it was ready: ${how}`);
      },
      log,
    });
  }

  #heard(message: FromBrokerProcess): void {
    const { log } = this.#options;
    switch (message.kind) {
      case "started":
        this.#brokerStarted = true;
        // They could do nothing before.
        if (this.#stopping === undefined) this.#crew.begin();
        return this.#look();
      case "failed":
        log.error("broker cannot run", { why: message.why });
        return this.#giveUp(message.why);
      case "listeners":
        this.#plans = message.listeners;
        this.#applying = this.#applying.then(() => this.#apply());
        return;
      case "state":
        for (const what of message.missing) log.warn("not as it should be", { what });
        return;
      case "metrics":
        return this.metrics.answered(message.id, message.text);
    }
  }

  async #apply(): Promise<void> {
    if (this.#stopping !== undefined) return;
    this.#problems = await this.#listening.apply(this.#plans);
    for (const [listener, why] of this.#problems) this.#options.log.error("cannot listen", { listener, why });
    const [first] = this.#problems;
    if (first !== undefined) this.#giveUp(`listener ${first[0]}: ${first[1]}`);
    this.#tellListeners();
    this.#look();
  }

  /** Before anything was served a fault ends the gateway; afterwards it goes on with what it has. */
  #giveUp(why: string): void {
    if (!this.#wasReady) this.#ready.resolve(why);
  }

  #look(): void {
    if (this.#crew.ready().length > 0) this.#placement.retry();
    if (this.#wasReady || this.notReady().length > 0 || this.#listening.open.length === 0) return;
    // One would do, but whoever starts four wants to begin with four.
    if (this.#crew.ready().length < this.#options.workers) return;
    this.#wasReady = true;
    this.#ready.resolve(this.#listening.open);
  }

  #settings(): readonly ListenerSettings[] {
    return this.#listening.open.map(({ plan }) => this.#settingsOf(plan));
  }

  #settingsOf(plan: ListenerPlan): ListenerSettings {
    const { name, connection, protocol, identity, where } = plan;
    const tls = this.#certificates.of(plan);
    if (typeof tls === "string")
      this.#options.log.error("certificate cannot be used", { listener: name, why: tls });
    const uid = plan.uid ?? this.#options.ownUid;
    const isOpenToAll = identity === "ambient" && where.kind === "address";
    return {
      name,
      connection,
      protocol,
      identity,
      ...(isOpenToAll && uid !== undefined ? { onlyUid: uid } : {}),
      ...(tls === undefined || typeof tls === "string" ? {} : { tls }),
    };
  }

  #renewCertificates(): void {
    if (this.#wasReady) this.#tellListeners();
  }

  #tellListeners(): void {
    const settings = this.#settings();
    const text = JSON.stringify(settings.map(({ tls, ...rest }) => [rest, tls?.certificatePem]));
    if (text === this.#settingsText) return;
    this.#settingsText = text;
    this.#crew.tellListeners(settings);
  }
}
