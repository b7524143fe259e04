/** The broker: who asks, what they may have, and for how long. It opens no listener and reads no file of kinds. */
import { randomBytes } from "node:crypto";
import type { Ancestor, Caller, ConnectionRef } from "#core/policy/facts.ts";
import type { PlanPush, Report, SessionId } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { type BrokerConfig, type ConfigProblem, type Prepared, prepare } from "./config.ts";
import { type DataPlanePort, dataPlanePort } from "./data-plane-port.ts";
import { takingEnvironment } from "./environment.ts";
import { Desk } from "./exchange/desk.ts";
import type { Asker, Exchanged } from "./exchange/exchange.ts";
import { denierOf } from "./exchange/permission.ts";
import { Records } from "./exchange/records.ts";
import { Revocations } from "./exchange/revocations.ts";
import { Sessions } from "./exchange/sessions.ts";
import { type IdentityFront, identityFront } from "./identity/front.ts";
import { type HttpGet, httpGet } from "./identity/http.ts";
import type { KeysFinding } from "./identity/keys.ts";
import { type IdentityVerifier, createVerifier } from "./identity/verifier.ts";
import { type EndingsDeps, agentEnded, recheckAdoptable } from "./lineage/endings.ts";
import { type ClassPlans, type LeftOutOfPlans, PlanHistory, classPlans } from "./pods/class-plans.ts";
import { type Enforced, enforcementOf } from "./pods/enforcement.ts";
import type { ApiTokens, KnownPod, PodName, PodPeer, Secrets } from "./pods/pods.ts";
import { type Journal, openJournal } from "./leases/journal.ts";
import { type BrokerMeters, NO_METERS, measuredExchange } from "./meters.ts";
import type { Note } from "./note.ts";
import { type Sources, openSources } from "./sources/index.ts";
import type { Disk } from "./trail/disk.ts";
import type { Trail } from "./trail/trail.ts";
import { type Worker, Workers } from "./workers.ts";

export interface BrokerOptions {
  /** From `brokerIdentifier`: marks what this broker makes elsewhere. */
  readonly broker: string;
  /** Of the broker's user alone; holds the journal of leases, where there is no other. */
  readonly directory: string;
  /** Disposed with the broker. */
  readonly journal?: Journal;
  readonly disk: Disk;
  readonly trail: Pick<Trail, "openSession" | "append" | "say" | "unfinished" | "declareLost">;
  /** `process.env`: variables that hold secrets are removed from it as they are read. */
  readonly variables: Record<string, string | undefined>;
  readonly now: () => number;
  readonly note: Note;
  readonly meters?: BrokerMeters;
  /** In a cluster: then credentials are there, and nothing of the broker's own host is read. */
  readonly secrets?: Secrets;
  readonly apiTokens?: ApiTokens;
  readonly get?: HttpGet;
  /** Asks identity providers for their keys before a token needs them, so that it can be told whether they can be had. */
  readonly looksForKeys?: boolean;
  /** At most how long a session goes on without word from us. */
  readonly leaseMs?: number;
  /** How long a minted role that no session holds is kept for the next one. */
  readonly lingerMs?: number;
  readonly sessionsMax?: number;
  /** How often what has come due is done. Infinity: by `sweep` only. */
  readonly tickMs?: number;
}

export interface WorkerStatus {
  readonly worker: string;
  /** That it stands beside; undefined for those of this machine. */
  readonly pod: KnownPod | undefined;
  readonly isAttached: boolean;
  /** Who is above that pod, as it was last found; undefined before it is known. */
  readonly ancestors: readonly Ancestor[] | undefined;
  /** The version of the plan that it said it has put in force. */
  readonly appliedVersion: string | undefined;
  /** Whether that is the one that it shall. */
  readonly isCurrent: boolean;
  readonly report: Report | undefined;
}
export interface PodWorker extends WorkerStatus {
  readonly wanted: PlanPush | undefined;
}
export interface BrokerStatus {
  /** Undefined until the first `update`. */
  readonly planVersion: string | undefined;
  readonly workers: readonly WorkerStatus[];
  readonly leases: number;
  readonly problems: readonly ConfigProblem[];
}

export interface Broker extends AsyncDisposable {
  /** For one connection of a data plane: of this machine, or of a pod. */
  attach(peer?: PodPeer): DataPlanePort;
  /** New files: takes effect at once, for sessions that are open too. */
  update(config: BrokerConfig): BrokerStatus;
  /** Whether that connection would be granted now, decided as for every session; it opens none and leases nothing. */
  permits(asker: Asker, connection: ConnectionRef, signal: AbortSignal): Promise<Exchanged | Refusal>;
  /** Ends the session's lease and tells its data plane; false when it has none. */
  revoke(session: SessionId, why: Refusal): boolean;
  /** Whose session it is; undefined when there is none. */
  callerOf(session: SessionId): Caller | undefined;
  /** Of a revocation that is about to go, so that the record says who lifted it. */
  lifting(guardrail: string, by: string): void;
  /** Ends every session of the pod, and tells its data plane. Of pods below it, those that policy does not let finish. */
  endPod(uid: string, why: Refusal): void;
  /** Ends sessions of pods that have become somebody else's since. */
  recheckAdoptable(signal: AbortSignal): Promise<void>;
  status(): BrokerStatus;
  /** Whether the keys of each identity provider can be had, by its name; what has not been looked for is absent. */
  providerKeys(): ReadonlyMap<string, KeysFinding>;
  /** The data planes that stand beside a pod of that name, each with the plan that it shall apply. */
  ofPod(pod: PodName): readonly PodWorker[];
  /** Which policies the data planes that are connected apply, by the policy's origin. */
  enforcement(): ReadonlyMap<string, Enforced>;
  /** What does not fit into the plans of data planes, so that it is closed to them. */
  leftOut(): LeftOutOfPlans;
  /** Does what has come due; called by the broker's own timer. */
  sweep(): void;
  /** Resolves when no credential is being made or taken back. */
  settled(): Promise<void>;
}

const RUN_BYTES = 12;
const LEASE_MS_DEFAULT = 5 * 60_000;
const LINGER_MS_DEFAULT = 5_000;
const SESSIONS_MAX_DEFAULT = 20_000;
const TICK_MS_DEFAULT = 1_000;
/** A data plane that has been away for that long is not coming back; reconnecting takes it far less. */
const WORKER_LOST_MS = 15_000;

export async function createBroker(options: BrokerOptions): Promise<Broker> {
  return new LiveBroker(options, options.journal ?? (await openJournal(options)));
}

class LiveBroker implements Broker {
  readonly #options: BrokerOptions;
  readonly #journal: Journal;
  readonly #sources: Sources;
  readonly #front: IdentityFront;
  readonly #verifier: IdentityVerifier;
  readonly #sessions = new Sessions();
  readonly #workers = new Workers();
  readonly #desk: Desk;
  readonly #records: Records;
  readonly #revocations: Revocations;
  readonly #stopping = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  #prepared: Prepared | undefined;
  #plans: ClassPlans | undefined;
  readonly #history = new PlanHistory();
  readonly #run = randomBytes(RUN_BYTES).toString("base64url");

  constructor(options: BrokerOptions, journal: Journal) {
    const { now, note, get = httpGet, leaseMs = LEASE_MS_DEFAULT, tickMs = TICK_MS_DEFAULT } = options;
    const environment = takingEnvironment(options.variables);
    this.#options = options;
    this.#journal = journal;
    this.#sources = openSources({
      ...options,
      environment,
      journal,
      lingerMs: options.lingerMs ?? LINGER_MS_DEFAULT,
    });
    this.#verifier = createVerifier({ get, now, note });
    this.#front = identityFront({
      verifier: this.#verifier,
      environment,
      get,
      now,
      note,
    });
    this.#revocations = new Revocations({ trail: options.trail, note, now });
    this.#desk = new Desk({
      sources: this.#sources,
      sessions: this.#sessions,
      prepared: () => this.#prepared,
      leaseMs,
      now,
      note,
      onDenied: ({ id, caller }, connection) => {
        const plan = this.#prepared?.plan;
        if (plan !== undefined) this.#revocations.ended(id, denierOf(plan, caller, connection, now()));
      },
      signal: this.#stopping.signal,
    });
    this.#records = new Records({
      trail: options.trail,
      workers: this.#workers,
      sessions: this.#sessions,
      now,
      note,
      adoptedAfterMs: now() + leaseMs + WORKER_LOST_MS,
    });
    this.#timer = Number.isFinite(tickMs) ? setInterval(() => this.sweep(), tickMs).unref() : undefined;
  }

  attach(peer?: PodPeer): DataPlanePort {
    const { broker, now, trail, sessionsMax = SESSIONS_MAX_DEFAULT, meters = NO_METERS } = this.#options;
    return dataPlanePort({
      broker,
      run: this.#run,
      meters,
      front: this.#front,
      sessions: this.#sessions,
      desk: this.#desk,
      workers: this.#workers,
      trail,
      now,
      currentPlan: (of) => this.#plans?.planFor(of),
      peer,
      sessionsMax,
    });
  }

  update(config: BrokerConfig): BrokerStatus {
    const { note } = this.#options;
    const before = this.#prepared;
    const next = prepare(config, before?.policies ?? []);
    this.#prepared = next;
    const plans = classPlans(next, { note, history: this.#history });
    this.#plans = plans;
    for (const problem of next.problems) note(...noteOf(problem));
    this.#revocations.update(next.policies);
    this.#front.update(config.listeners, next.providers);
    // The plan first: a data plane then knows why, and says it better, when a session of its own ends by it.
    if (before?.push.version !== next.push.version) this.#workers.broadcast((peer) => plans.planFor(peer));
    this.#desk.decideAnew();
    this.sweep();
    return this.status();
  }

  permits(asker: Asker, connection: ConnectionRef, signal: AbortSignal): Promise<Exchanged | Refusal> {
    const { meters = NO_METERS } = this.#options;
    return measuredExchange(meters, "token", () => this.#desk.permits(asker, connection, signal));
  }

  revoke(session: SessionId, why: Refusal): boolean {
    return this.#desk.revokeSession(session, why);
  }

  callerOf(session: SessionId): Caller | undefined {
    return this.#sessions.get(session)?.caller;
  }

  lifting(guardrail: string, by: string): void {
    this.#revocations.lifting(guardrail, by);
  }

  endPod(uid: string, why: Refusal): void {
    for (const { peer, sessions } of this.#workers.all()) {
      if (peer?.uid !== uid) continue;
      for (const session of sessions) if (!this.revoke(session, why)) this.#sessions.forget(session);
    }
    agentEnded(uid, this.#endings);
  }

  recheckAdoptable(signal: AbortSignal): Promise<void> {
    return recheckAdoptable(this.#endings, signal);
  }

  get #endings(): EndingsDeps {
    return { sessions: this.#sessions, workers: this.#workers, desk: this.#desk };
  }

  enforcement(): ReadonlyMap<string, Enforced> {
    const plans = this.#plans;
    if (plans === undefined) return new Map();
    const connected = this.#workers.all().filter(({ attached }) => attached > 0);
    return enforcementOf(
      connected.map(({ peer, appliedVersion }) => ({
        wanted: plans.planFor(peer),
        applied: this.#history.of(appliedVersion),
      })),
    );
  }

  leftOut(): LeftOutOfPlans {
    return this.#plans?.leftOut() ?? { connections: new Map(), policies: new Map() };
  }

  status(): BrokerStatus {
    return {
      planVersion: this.#prepared?.push.version,
      workers: this.#workers.all().map((worker) => statusOf(worker, this.#plans?.planFor(worker.peer))),
      leases: this.#desk.size,
      problems: this.#prepared?.problems ?? [],
    };
  }

  providerKeys(): ReadonlyMap<string, KeysFinding> {
    return this.#verifier.keys();
  }

  ofPod({ namespace, name }: PodName): readonly PodWorker[] {
    return this.#workers
      .all()
      .filter(({ peer }) => peer?.pod.namespace === namespace && peer.pod.name === name)
      .map((worker) => {
        const wanted = this.#plans?.planFor(worker.peer);
        return { ...statusOf(worker, wanted), wanted };
      });
  }

  sweep(): void {
    const { now, note, looksForKeys = false } = this.#options;
    if (looksForKeys) this.#verifier.look();
    this.#desk.sweep();
    this.#revocations.sweep();
    for (const lost of this.#workers.removeLost(now(), WORKER_LOST_MS)) {
      note("worker.lost", { worker: lost.name, sessions: lost.sessions.size });
      for (const session of lost.sessions) this.#desk.abandon(session);
      this.#records.lost(lost);
    }
    this.#records.sweep();
    const upstreams = [...(this.#prepared?.upstreams.values() ?? [])];
    for (const source of Object.values(this.#sources)) source.sweep(upstreams);
  }

  async settled(): Promise<void> {
    await Promise.all(Object.values(this.#sources).map((source) => source.settled()));
    await this.#records.settled();
    await this.#revocations.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#desk.leaveAll(refusal("SHUTTING_DOWN"));
    this.#stopping.abort(new Error("the broker stops"));
    await Promise.all(Object.values(this.#sources).map((source) => source[Symbol.asyncDispose]()));
    await this.#records.settled();
    await this.#revocations.settled();
    await this.#journal[Symbol.asyncDispose]();
  }
}

function statusOf(
  { name, peer, attached, appliedVersion, report }: Worker,
  wanted: PlanPush | undefined,
): WorkerStatus {
  return {
    worker: name,
    pod: peer && { ...peer.pod, uid: peer.uid },
    ancestors: peer?.ancestors,
    isAttached: attached > 0,
    appliedVersion,
    isCurrent: appliedVersion === wanted?.version,
    report,
  };
}

function noteOf({ kind, name, why }: ConfigProblem): Parameters<Note> {
  return [kind === "Connection" ? "connection.unusable" : "provider.unusable", { name, cause: why }];
}
