/**
 * One replica of the broker in a cluster: its trail on its own volume, and how it is. Data planes are not listened to yet; a
 * gateway that calls finds nobody and refuses its sessions as BROKER_UNAVAILABLE.
 */
import { join } from "node:path";
import { type Broker, createBroker } from "#broker/broker.ts";
import { brokerIdentifier } from "#broker/identifier.ts";
import { openBrokerMetrics } from "#broker/process/metrics.ts";
import { noteIn } from "#broker/process/notes.ts";
import type { Disk } from "#broker/trail/disk.ts";
import { openTrail } from "#broker/trail/file-trail.ts";
import type { Trail } from "#broker/trail/trail.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import { serveObservability } from "#runtime/observability.ts";
import type { Address } from "../config/settings.ts";
import type { BrokerSettings } from "./settings.ts";
import { watchVolume } from "./volume.ts";

export interface BrokerReplicaOptions {
  readonly settings: BrokerSettings;
  readonly disk: Disk;
  readonly log: Log;
  /** How often the volume is tried; for tests that cannot wait as long as a kubelet can. */
  readonly volumeEveryMs?: number;
}

export interface BrokerReplica extends AsyncDisposable {
  /** Drawn at the first start and kept on the volume. */
  readonly name: string;
  readonly broker: Broker;
  readonly observability: Address;
  /** Not ready from now on, so that nobody new comes while it ends. */
  retire(): void;
}

const VOLUME_EVERY_MS = 5_000;

export async function openBrokerReplica(options: BrokerReplicaOptions): Promise<BrokerReplica> {
  const { settings, disk, log, volumeEveryMs = VOLUME_EVERY_MS } = options;
  const { state } = settings;
  const note = noteIn(log);
  let isRetired = false;
  await using opened = new AsyncDisposableStack();
  const name = await brokerIdentifier(join(state, "broker"), disk);
  const places = { directory: join(state, "trail"), keysDirectory: join(state, "keys") };
  const trail = opened.use(await openTrail({ ...places, disk, broker: name, nowMs: Date.now, note }));
  const broker = opened.use(
    await createBroker({
      broker: name,
      directory: join(state, "broker"),
      disk,
      trail,
      // Nothing that a Connection says is read from the broker's own environment in a cluster.
      variables: {},
      now: Date.now,
      note,
    }),
  );
  const stopping = new AbortController();
  opened.defer(() => stopping.abort());
  const volume = opened.use(
    await watchVolume({
      disk,
      directory: join(state, "probe"),
      everyMs: volumeEveryMs,
      monotonicMs: () => performance.now(),
      onWritten: () => healTrail(trail, stopping.signal),
    }),
  );
  const missing = (): readonly string[] => {
    const { health } = trail;
    const problem = volume.problem();
    return [
      ...(isRetired ? ["shutting down"] : []),
      ...(health.state === "ready" ? [] : [`the trail cannot be written: ${health.cause}`]),
      ...(problem === undefined ? [] : [`the volume cannot be written: ${problem}`]),
    ];
  };
  const { registry } = openBrokerMetrics(broker, trail, missing);
  const { host, port } = opened.use(
    await serveObservability({
      ...settings.observability,
      notReady: missing,
      metrics: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
      onError: (error) => log.error("health listener failed", errorFields(error)),
    }),
  );
  log.info("the broker runs", { broker: name, host, port });
  const kept = opened.move();
  return {
    name,
    broker,
    observability: { host, port },
    retire: () => {
      isRetired = true;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** It tries again when there is something to store; nothing may come for as long as this replica is not ready. */
function healTrail(trail: Trail, signal: AbortSignal): void {
  if (trail.health.state === "ready" || signal.aborted) return;
  trail.append([], signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
