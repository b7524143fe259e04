/** Everything that one replica of the broker has of its cluster: whom it asks, what it follows, and where it keeps what replicas share. */
import type { Registry } from "prom-client";
import type { AuthorityStore } from "#broker/authority/store.ts";
import type { Journal } from "#broker/leases/journal.ts";
import type { Keyring } from "#broker/trail/keyring.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import { registryFacts } from "../admission/facts/registry.ts";
import { writerFacts } from "../admission/facts/writers.ts";
import type { InjectionSettings } from "../admission/pod/contract.ts";
import { type DesiredWatch, watchDesired } from "../desired/watch.ts";
import { type Access, apiServerPem } from "../kube/access.ts";
import { type Kube, openKube } from "../kube/client.ts";
import { type Clock, pause, systemClock } from "../kube/clock.ts";
import { kubeMeters } from "../kube/metrics.ts";
import { PODS, type Pod } from "../kube/resource.ts";
import type { StoreView } from "../kube/store.ts";
import { apiAudiences } from "../process/api-audiences.ts";
import { eventually } from "../process/eventually.ts";
import { clusterResolvers } from "../process/resolvers.ts";
import { follow, followKinds } from "../process/stores.ts";
import { authoritySecret } from "./authority-secret.ts";
import { type KubernetesCluster, kubernetesCluster } from "./cluster.ts";
import { secretKeyring } from "./kek-secret.ts";
import { openLeaseJournal } from "./lease-journal.ts";
import { BY_PARENT, parentUidsOf, siblingsIn } from "./lineage/children.ts";
import { endOf } from "./pod-ends.ts";
import { LINEAGE_DEFAULT, type LineageSettings } from "./settings.ts";

export interface ClusterSideOptions {
  readonly access: Access;
  /** The broker's own. */
  readonly namespace: string;
  readonly injection: InjectionSettings;
  readonly lineage?: LineageSettings | undefined;
  readonly registry: Registry;
  readonly log: Log;
  readonly clock?: Clock;
}

export interface ClusterSide extends Disposable {
  readonly kube: Kube;
  readonly cluster: KubernetesCluster;
  readonly desired: DesiredWatch;
  readonly pods: StoreView<Pod>;
  readonly keyring: Keyring;
  readonly authorities: AuthorityStore;
  /** Whom it takes for the API server. */
  apiServerPem(): Promise<string | undefined>;
  /** Of the replica of that name. */
  openJournal(name: string, stop: AbortSignal): Promise<Journal>;
  /** Aborts when it is disposed. */
  readonly signal: AbortSignal;
}

const AUTHORITY_SECRET = "sallyport-broker-ca";
const KEK_SECRET = "sallyport-broker-kek";
/**
 * How long an answer about an account's rights is taken for true. Pods of one account are many, and each is asked about at every
 * exchange; across namespaces there are as many questions as namespaces.
 */
const WRITERS_MS = { near: 30_000, far: 30_000 } as const;
const SWEEP_EVERY_MS = 5 * 60_000;

/** Resolves as soon as pods can be judged; the API server is waited for. */
export async function openClusterSide(options: ClusterSideOptions, stop: AbortSignal): Promise<ClusterSide> {
  const { access, namespace, registry, log, clock = systemClock } = options;
  const ended = new AbortController();
  const { signal } = ended;
  using opened = new DisposableStack();
  const kube = opened.use(
    openKube(access, { userAgent: "sallyport-broker", fieldManager: "sallyport-broker" }),
  );
  opened.defer(() => ended.abort(new Error("the broker stops")));
  const following = { kube, meters: kubeMeters(registry), log, signal };
  const kinds = followKinds(following);
  const indexes = { [BY_PARENT]: parentUidsOf };
  const { store: pods } = follow(PODS, { name: "pods", trim: endOf, indexes }, following);
  const desired = opened.use(
    watchDesired({
      stores: kinds,
      clock,
      onError: (error) => log.error("the kinds cannot be read", errorFields(error)),
    }),
  );
  // One in a namespace of agents is believed by nobody at admission; here it makes no difference to know it.
  const controllers = registryFacts({ controllers: kinds.WorkloadController, isEnforced: () => false });
  const injection = await complete(options, kube, AbortSignal.any([stop, signal]));
  // Where a service account may write is asked about each namespace that has Connections.
  await desired.fresh(AbortSignal.any([stop, signal]));
  const writers = writerFacts({
    kube,
    namespaces: () => new Set(kinds.Connection.list().map(({ metadata }) => metadata.namespace ?? "")),
    forMs: WRITERS_MS,
    clock,
    signal,
  });
  const cluster = kubernetesCluster({
    kube,
    namespace,
    injection,
    writers,
    lineage: options.lineage ?? LINEAGE_DEFAULT,
    registry: () => controllers.registry(),
    siblings: siblingsIn(pods),
    log,
  });
  void sweep(cluster, { clock, log, signal });
  const kept = opened.move();
  return {
    kube,
    cluster,
    desired,
    pods,
    keyring: secretKeyring({ kube, namespace, name: KEK_SECRET, clock, signal }),
    openJournal: (name, until) =>
      eventually(
        "read what is to be taken back",
        () => openLeaseJournal({ kube, namespace, name, clock, log }, until),
        { clock, log, signal: until },
      ),
    apiServerPem: () => apiServerPem(access),
    authorities: authoritySecret({ kube, namespace, name: AUTHORITY_SECRET }),
    signal,
    [Symbol.dispose]: () => kept.dispose(),
  };
}

/** As the operator completes it: what was injected with the cluster's own name servers is compared with them. */
async function complete(
  { injection, log, clock = systemClock }: ClusterSideOptions,
  kube: Kube,
  signal: AbortSignal,
): Promise<InjectionSettings> {
  const named = injection.resolvers;
  const look = (): Promise<readonly string[]> => clusterResolvers(kube, { signal });
  const resolvers =
    named.length > 0
      ? named
      : await eventually("find the name servers of gateways", look, { clock, log, signal });
  const former = (injection.former ?? []).map((one) =>
    one.resolvers.length > 0 ? one : { ...one, resolvers },
  );
  return { ...injection, resolvers, former, apiAudiences: await apiAudiences() };
}

async function sweep(
  { pins }: KubernetesCluster,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  // Not all replicas at once.
  while (await pause(clock, SWEEP_EVERY_MS * (0.5 + Math.random()), signal)) {
    try {
      const removed = await pins.sweep({ signal });
      if (removed > 0) log.debug("keys of pods that are gone were forgotten", { removed });
    } catch (error) {
      if (!signal.aborted) log.warn("keys of pods that are gone could not be forgotten", errorFields(error));
    }
  }
}
