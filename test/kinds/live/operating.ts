/** The controllers as the operator runs them while it leads, without its webhooks: what they would refuse gets in. */
import { AUTHORITY_CONFIG_MAP } from "#operator/names.ts";
import {
  CONFIG_MAPS,
  LEASES,
  NETWORK_POLICIES,
  NAMESPACES,
  ROLE_BINDINGS,
  keyOf,
  type KubeObject,
  type ObjectKey,
  type Resource,
} from "#operator/kube/resource.ts";
import { REPORT_SELECTOR } from "#operator/broker/report.ts";
import { watchDesired } from "#operator/desired/watch.ts";
import type { Kube, Selection } from "#operator/kube/client.ts";
import { runController } from "#operator/kube/controller.ts";
import { type EventRecorder, openEventRecorder } from "#operator/kube/events.ts";
import { startReflector } from "#operator/kube/reflector.ts";
import { openStore, type StoreOptions, type StoreView } from "#operator/kube/store.ts";
import { controllers, KINDS_IN_CLUSTER } from "#operator/reconcile/controllers.ts";
import { BY_NAMESPACE } from "#operator/reconcile/namespace.ts";
import { MANAGED_SELECTOR, type Owner } from "#operator/reconcile/owned.ts";
import { openLog } from "#runtime/log.ts";

const SYSTEM = "sallyport-system";

export interface Operating extends AsyncDisposable {
  /** Writes to this object since the start. */
  readonly writesTo: (key: ObjectKey) => number;
  readonly events: EventRecorder;
  readonly failures: readonly string[];
}

export function operate(
  admin: Kube,
  owner: Omit<Owner, "systemNamespace"> = { networkPolicy: true },
): Operating {
  const ended = new AbortController();
  const { signal } = ended;
  const failures: string[] = [];
  // The API server ends watches of kinds that it has just been given.
  const write = (line: string): void => {
    if (!line.includes('"watch ended"')) failures.push(line);
  };
  const log = openLog({ write, nowMs: Date.now, level: "warn" });
  const writes: ObjectKey[] = [];
  const kube = counting(admin, (key) => writes.push(key));
  const events = openEventRecorder({
    kube,
    controller: "sallyport.dev/operator",
    instance: "test",
    log,
    signal,
  });
  const follow = <T extends KubeObject>(
    resource: Resource<T>,
    more: Selection & Pick<StoreOptions<T>, "indexes"> = {},
  ): StoreView<T> => {
    const { indexes = {}, ...selection } = more;
    const store = openStore<T>({
      name: resource.plural,
      indexes,
      onError: (error) => failures.push(String(error)),
    });
    startReflector<T>({ kube, resource, store, ...selection, log, signal });
    return store;
  };
  const owned = {
    labelSelector: MANAGED_SELECTOR,
    indexes: { [BY_NAMESPACE]: ({ metadata }: KubeObject) => [metadata.namespace ?? ""] },
  };
  const { Connection, SecretAccessPolicy, ClusterSecretAccessPolicy, IdentityProvider, WorkloadController } =
    KINDS_IN_CLUSTER;
  const kinds = {
    Connection: follow(Connection.resource),
    SecretAccessPolicy: follow(SecretAccessPolicy.resource),
    ClusterSecretAccessPolicy: follow(ClusterSecretAccessPolicy.resource),
    IdentityProvider: follow(IdentityProvider.resource),
    WorkloadController: follow(WorkloadController.resource),
  };
  const desired = watchDesired({ stores: kinds, onError: (error) => failures.push(String(error)) });
  const all = controllers({
    stores: {
      kinds,
      namespaces: follow(NAMESPACES),
      roleBindings: follow(ROLE_BINDINGS, owned),
      networkPolicies: follow(NETWORK_POLICIES, owned),
      reports: follow(LEASES, { namespace: SYSTEM, labelSelector: REPORT_SELECTOR }),
      authorities: follow(CONFIG_MAPS, {
        fieldSelector: `metadata.name=${AUTHORITY_CONFIG_MAP.name}`,
        indexes: owned.indexes,
      }),
    },
    desired,
    owner: { systemNamespace: SYSTEM, ...owner },
    kube,
    events,
  });
  const running = Promise.all([
    ...all.kinds.map((each) => runController({ ...each, log, signal })),
    runController({ ...all.namespaces, log, signal }),
  ]);
  return {
    writesTo: (key) => writes.filter((written) => written === key).length,
    events,
    failures,
    async [Symbol.asyncDispose]() {
      ended.abort(new Error("the test is over"));
      all[Symbol.dispose]();
      desired[Symbol.dispose]();
      await running;
    },
  };
}

function counting(kube: Kube, count: (key: ObjectKey) => void): Kube {
  return {
    get: (resource, key, call) => kube.get(resource, key, call),
    pages: (resource, call) => kube.pages(resource, call),
    list: (resource, call) => kube.list(resource, call),
    watch: (resource, options) => kube.watch(resource, options),
    create: (resource, object, call) => kube.create(resource, object, call),
    update: (resource, object, call) => (count(keyOf(object)), kube.update(resource, object, call)),
    apply: (resource, object, call) => (count(keyOf(object)), kube.apply(resource, object, call)),
    applyStatus: (resource, key, status, call) => (count(key), kube.applyStatus(resource, key, status, call)),
    patch: (resource, key, operations, call) => kube.patch(resource, key, operations, call),
    delete: (resource, key, call) => (count(key), kube.delete(resource, key, call)),
    post: (place, body, call) => kube.post(place, body, call),
    [Symbol.dispose]: () => kube[Symbol.dispose](),
  };
}
