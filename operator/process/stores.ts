/** What every replica follows. Pods are not among it: no judgement needs more of them than the one that is judged. */
import type { Log } from "#runtime/log.ts";
import { errorFields } from "#runtime/log.ts";
import { CONFIGURATION_RESOURCES } from "../authority/guard.ts";
import type { WebhookConfiguration } from "../config/settings.ts";
import type { KindStores } from "../desired/watch.ts";
import type { Kube, Selection } from "../kube/client.ts";
import type { KubeMeters } from "../kube/metrics.ts";
import { type Reflector, startReflector } from "../kube/reflector.ts";
import {
  CONNECTIONS,
  GUARDRAILS,
  IDENTITY_PROVIDERS,
  type KubeObject,
  type Namespace,
  NAMESPACES,
  POLICIES,
  type Resource,
  WORKLOAD_CONTROLLERS,
} from "../kube/resource.ts";
import { type StoreOptions, type StoreView, openStore } from "../kube/store.ts";

export interface Followed<T extends KubeObject> {
  readonly store: StoreView<T>;
  readonly reflector: Reflector;
}

export interface Stores {
  readonly namespaces: Followed<Namespace>;
  readonly kinds: KindStores;
  /** One for each configuration of ours, since we may see no others. */
  readonly configurations: readonly Followed<WebhookConfiguration>[];
}

export interface FollowOptions {
  readonly kube: Kube;
  readonly meters: KubeMeters;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export function openStores(desired: readonly WebhookConfiguration[], options: FollowOptions): Stores {
  return {
    namespaces: follow(NAMESPACES, { name: "namespaces" }, options),
    kinds: followKinds(options),
    configurations: desired.map(({ kind: of, metadata: { name } }) =>
      follow(
        CONFIGURATION_RESOURCES[of] as Resource<WebhookConfiguration>,
        { name: `${CONFIGURATION_RESOURCES[of].plural}/${name}`, fieldSelector: `metadata.name=${name}` },
        options,
      ),
    ),
  };
}

interface Trim<T> {
  /** What of an object is kept. */
  readonly trim?: (object: T) => T;
}

/** Our own kinds: what shall be, for whoever has to know it. */
export function followKinds(options: FollowOptions): KindStores {
  const kind = (resource: Resource<KindStores["Connection"] extends StoreView<infer T> ? T : never>) =>
    follow(resource, { name: resource.plural }, options).store;
  return {
    Connection: kind(CONNECTIONS),
    SecretAccessPolicy: kind(POLICIES),
    ClusterSecretAccessPolicy: kind(GUARDRAILS),
    IdentityProvider: kind(IDENTITY_PROVIDERS),
    WorkloadController: kind(WORKLOAD_CONTROLLERS),
  };
}

export function follow<T extends KubeObject>(
  resource: Resource<T>,
  { name, indexes, trim, ...selection }: Omit<StoreOptions<T>, "onError"> & Selection & Trim<T>,
  { kube, meters, log, signal }: FollowOptions,
): Followed<T> {
  const onError = (error: unknown): void =>
    log.error("a listener of a store failed", { store: name, ...errorFields(error) });
  const store = openStore<T>({ name, onError, ...(indexes === undefined ? {} : { indexes }) });
  const reflector = startReflector<T>({
    kube,
    resource,
    store,
    ...selection,
    ...(trim === undefined ? {} : { trim }),
    log,
    signal,
  });
  meters.reflector(store, reflector);
  return { store, reflector };
}
