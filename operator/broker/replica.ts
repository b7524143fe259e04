/** One replica of the broker in a cluster: its trail on its own volume, the gateways that it serves, and how it is. */
import { join } from "node:path";
import { Registry } from "prom-client";
import { type Broker, type BrokerOptions, createBroker } from "#broker/broker.ts";
import { brokerIdentifier } from "#broker/identifier.ts";
import { openBrokerMeters, openBrokerMetrics } from "#broker/process/metrics.ts";
import { noteIn } from "#broker/process/notes.ts";
import type { Disk } from "#broker/trail/disk.ts";
import { openTrail } from "#broker/trail/file-trail.ts";
import { directoryKeyring } from "#broker/trail/keyring.ts";
import type { Trail } from "#broker/trail/trail.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import { serveObservability } from "#runtime/observability.ts";
import type { Address } from "../config/settings.ts";
import type { Access } from "../kube/access.ts";
import { type ClusterSide, openClusterSide } from "./cluster-side.ts";
import { type Serving, type ServingOptions, serveGateways } from "./serving.ts";
import type { BrokerSettings } from "./settings.ts";
import { type VolumeWatch, watchVolume } from "./volume.ts";

export interface BrokerReplicaOptions {
  readonly settings: BrokerSettings;
  readonly disk: Disk;
  readonly log: Log;
  /** Of the API server; asked for where the settings name a cluster. */
  readonly access?: () => Promise<Access>;
  /** How often the volume is tried; for tests that cannot wait as long as a kubelet can. */
  readonly volumeEveryMs?: number;
  /** Ends the wait for an API server. */
  readonly stop?: AbortSignal;
}

export interface BrokerReplica extends AsyncDisposable {
  /** Drawn at the first start and kept on the volume. */
  readonly name: string;
  readonly broker: Broker;
  readonly observability: Address;
  /** Undefined where the settings name no cluster. */
  readonly serving: Serving | undefined;
  /** Not ready from now on, so that nobody new comes while it ends. */
  retire(): void;
}

const VOLUME_EVERY_MS = 5_000;
const NEVER = new AbortController().signal;

/** Whether it can be used comes later than whether it lives: the API server may be away at the start. */
export async function openBrokerReplica(options: BrokerReplicaOptions): Promise<BrokerReplica> {
  const { settings, disk, log, stop = NEVER } = options;
  const { state } = settings;
  const registries = [new Registry()];
  const [registry] = registries as [Registry];
  const wants: (() => readonly string[])[] = [];
  const missing = (): readonly string[] => wants.flatMap((want) => want());
  let isStarting = true;
  let isRetired = false;
  wants.push(() => [...(isRetired ? ["shutting down"] : []), ...(isStarting ? ["starting"] : [])]);
  await using opened = new AsyncDisposableStack();
  const { host, port } = opened.use(
    await serveObservability({
      ...settings.observability,
      notReady: missing,
      metrics: async () => ({
        contentType: registry.contentType,
        text: (await Promise.all(registries.map((each) => each.metrics()))).join(""),
      }),
      onError: (error) => log.error("health listener failed", errorFields(error)),
    }),
  );
  const name = await brokerIdentifier(join(state, "broker"), disk);
  const side = await sideOf(options, registry, stop);
  if (side !== undefined) opened.use(side);
  const { trail, volume } = await openRecord(options, name, side, opened);
  const counted = openBrokerMeters();
  const broker = opened.use(
    await createBroker({
      meters: counted.meters,
      broker: name,
      directory: join(state, "broker"),
      disk,
      trail,
      // Nothing that a Connection says is read from the broker's own environment in a cluster.
      variables: {},
      ...(side === undefined ? {} : await ofCluster(side, name, stop)),
      now: Date.now,
      note: noteIn(log),
    }),
  );
  wants.push(() => troubles(trail, volume));
  registries.push(openBrokerMetrics(broker, trail, missing, counted).registry);
  const serving = await servingOf(
    options,
    side,
    { broker, trail, name, missing, meters: counted.meters },
    stop,
  );
  if (serving !== undefined) opened.use(serving);
  if (serving !== undefined) wants.push(() => serving.missing());
  isStarting = false;
  log.info("the broker runs", { broker: name, host, port });
  const kept = opened.move();
  return {
    name,
    broker,
    observability: { host, port },
    serving,
    retire: () => {
      isRetired = true;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function ofCluster(
  { cluster, openJournal }: ClusterSide,
  name: string,
  stop: AbortSignal,
): Promise<Pick<BrokerOptions, "secrets" | "apiTokens" | "looksForKeys" | "journal">> {
  const journal = await openJournal(name, stop);
  return { secrets: cluster, apiTokens: cluster, looksForKeys: true, journal };
}

async function sideOf(
  { settings: { cluster }, access, log }: BrokerReplicaOptions,
  registry: Registry,
  stop: AbortSignal,
): Promise<ClusterSide | undefined> {
  if (cluster === undefined) return undefined;
  if (access === undefined) throw new TypeError("a cluster is named, and not how it is reached");
  const { namespace, injection, lineage } = cluster;
  return openClusterSide({ access: await access(), namespace, injection, lineage, registry, log }, stop);
}

async function servingOf(
  { settings: { cluster }, log }: BrokerReplicaOptions,
  side: ClusterSide | undefined,
  own: Pick<ServingOptions, "broker" | "trail" | "name" | "missing" | "meters">,
  stop: AbortSignal,
): Promise<Serving | undefined> {
  if (cluster === undefined || side === undefined) return undefined;
  return serveGateways({ settings: cluster, side, ...own, note: noteIn(log), log }, stop);
}

async function openRecord(
  { settings: { state }, disk, log, volumeEveryMs = VOLUME_EVERY_MS }: BrokerReplicaOptions,
  broker: string,
  side: ClusterSide | undefined,
  opened: AsyncDisposableStack,
): Promise<{ readonly trail: Trail; readonly volume: VolumeWatch }> {
  const trail = opened.use(
    await openTrail({
      directory: join(state, "trail"),
      keyring: side?.keyring ?? directoryKeyring(disk, join(state, "keys")),
      disk,
      broker,
      nowMs: Date.now,
      note: noteIn(log),
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
  return { trail, volume };
}

function troubles({ health }: Trail, volume: VolumeWatch): readonly string[] {
  const problem = volume.problem();
  return [
    ...(health.state === "ready" ? [] : [`the trail cannot be written: ${health.cause}`]),
    ...(problem === undefined ? [] : [`the volume cannot be written: ${problem}`]),
  ];
}

/** It tries again when there is something to store; nothing may come for as long as this replica is not ready. */
function healTrail(trail: Trail, signal: AbortSignal): void {
  if (trail.health.state === "ready" || signal.aborted) return;
  trail.append([], signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
