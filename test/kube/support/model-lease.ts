/** Candidates for one lease, each with its own way to fail: cut off, unheard, slow, or standing still like a process that was stopped. */
import type { Kube } from "#operator/kube/client.ts";
import type { Clock } from "#operator/kube/clock.ts";
import { KubeError } from "#operator/kube/error.ts";
import { type Election, runElection, type Term } from "#operator/kube/lease.ts";
import type { KubeObject, Lease } from "#operator/kube/resource.ts";
import { keptLog } from "./log.ts";

export type Trouble = "none" | "cut-off" | "unheard" | "slow" | "frozen";

/** The only thing of an API server that a lease depends on: a write against an old version is refused. */
export class LeaseServer {
  #lease: Lease | undefined;
  #version = 0;

  read(): Lease | undefined {
    return this.#lease;
  }

  write(lease: Lease): Lease {
    const version = lease.metadata.resourceVersion;
    if (version !== this.#lease?.metadata.resourceVersion)
      throw new KubeError({ status: 409, reason: "Conflict", message: "written by somebody else" });
    this.#version += 1;
    this.#lease = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(this.#version) } };
    return this.#lease;
  }
}

export class ModelCandidate {
  readonly name: string;
  readonly election: Election;
  term: Term | undefined;
  #trouble: Trouble = "none";
  #thawed = Promise.withResolvers<void>();
  readonly #clock: Clock;

  constructor(
    name: string,
    world: { readonly clock: Clock; readonly wallOffsetMs: number; readonly server: LeaseServer },
    leading: (candidate: ModelCandidate) => void,
    signal: AbortSignal,
  ) {
    this.name = name;
    this.#clock = world.clock;
    this.#thawed.resolve();
    this.election = runElection({
      kube: this.#kube(world.server),
      namespace: "default",
      name: "leader",
      identity: name,
      lead: async (term) => {
        this.term = term;
        leading(this);
        const { promise, resolve } = Promise.withResolvers<void>();
        term.signal.addEventListener("abort", () => resolve(), { once: true });
        await promise;
      },
      clock: {
        monotonicMs: () => world.clock.monotonicMs(),
        wallMs: () => world.clock.wallMs() + world.wallOffsetMs,
        sleep: async (ms, stop) => {
          await world.clock.sleep(ms, stop);
          await this.#thawed.promise;
        },
      },
      random: () => 0.5,
      log: keptLog().log,
      signal,
    });
  }

  /** Whether it may act: a frozen one does nothing, and is asked by its clocks before it does. */
  get mayAct(): boolean {
    return this.#trouble !== "frozen" && this.term?.signal.aborted === false;
  }

  suffer(trouble: Trouble): void {
    if (trouble === "frozen" && this.#trouble !== "frozen") this.#thawed = Promise.withResolvers();
    if (trouble !== "frozen") this.#thawed.resolve();
    this.#trouble = trouble;
  }

  #kube(server: LeaseServer): Pick<Kube, "create" | "get" | "update"> {
    const call = async <T>(act: () => T, signal: AbortSignal): Promise<T> => {
      if (this.#trouble === "cut-off")
        throw new KubeError({ status: 0, reason: "Unreachable", message: "cut off" });
      if (this.#trouble === "slow") await this.#clock.sleep(4_000, signal);
      const answer = act();
      await this.#thawed.promise;
      if (this.#trouble === "unheard")
        throw new KubeError({ status: 0, reason: "Unreachable", message: "unheard" });
      return answer;
    };
    return {
      get: async <T extends KubeObject>(_: unknown, __: string, { signal }: { signal: AbortSignal }) =>
        call(() => server.read() as T | undefined, signal),
      create: async <T extends KubeObject>(_: unknown, lease: unknown, { signal }: { signal: AbortSignal }) =>
        call(() => server.write(lease as Lease) as unknown as T, signal),
      update: async <T extends KubeObject>(_: unknown, lease: unknown, { signal }: { signal: AbortSignal }) =>
        call(() => server.write(lease as Lease) as unknown as T, signal),
    };
  }
}
