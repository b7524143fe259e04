/** Every controller there is: a question, what it is answered from, and what it is asked again by. */
import type { DesiredWatch, KindInCluster, KindStores } from "../desired/watch.ts";
import type { Kube } from "../kube/client.ts";
import { type Clock, systemClock } from "../kube/clock.ts";
import { type Reconciler, type Trigger, trigger } from "../kube/controller.ts";
import type { EventRecorder } from "../kube/events.ts";
import {
  CONNECTIONS,
  GUARDRAILS,
  IDENTITY_PROVIDERS,
  keyOf,
  type KubeObject,
  type Lease,
  type Namespace,
  type OwnKind,
  POLICIES,
  type Resource,
  WORKLOAD_CONTROLLERS,
} from "../kube/resource.ts";
import type { StoreView } from "../kube/store.ts";
import { judgeConnection } from "./connection.ts";
import { judgeIdentityProvider } from "./identity-provider.ts";
import { kindReconciler, type WriteStatus } from "./kind.ts";
import type { JudgeConditions, KindWorld } from "./kind-world.ts";
import { namespaceReconciler } from "./namespace.ts";
import { isEnforced, type NamespaceAction, type NamespaceWorld } from "./namespace-plan.ts";
import type { ConfigMap, NetworkPolicy, Owner, RoleBinding } from "./owned.ts";
import { judgePolicy } from "./policy.ts";
import { accountNamespaceIn, type Registration, registrationOf } from "./registration.ts";
import { watchReports } from "./reports.ts";
import { judgeWorkloadController } from "./workload-controller.ts";

export const KINDS_IN_CLUSTER = {
  // What the broker may read is decided by the namespace's label.
  Connection: {
    resource: CONNECTIONS,
    judge: judgeConnection,
    follows: ({ metadata }) => metadata.namespace,
  },
  SecretAccessPolicy: { resource: POLICIES, judge: judgePolicy, follows: undefined },
  ClusterSecretAccessPolicy: { resource: GUARDRAILS, judge: judgePolicy, follows: undefined },
  IdentityProvider: { resource: IDENTITY_PROVIDERS, judge: judgeIdentityProvider, follows: undefined },
  WorkloadController: {
    resource: WORKLOAD_CONTROLLERS,
    judge: judgeWorkloadController,
    follows: accountNamespaceIn,
  },
} as const satisfies Record<KindInCluster, KindQuestion>;

interface KindQuestion {
  readonly resource: Resource<OwnKind>;
  readonly judge: JudgeConditions;
  /** Which namespace of an object it is, that it is asked again when it changes. */
  readonly follows: ((object: OwnKind) => string | undefined) | undefined;
}

export interface ControllerStores {
  readonly kinds: KindStores;
  readonly namespaces: StoreView<Namespace>;
  /** With `MANAGED_SELECTOR`, and an index `BY_NAMESPACE`. */
  readonly roleBindings: StoreView<RoleBinding>;
  readonly networkPolicies: StoreView<NetworkPolicy>;
  /** Named `AUTHORITY_CONFIG_MAP`, in every namespace, with the same index. */
  readonly authorities: StoreView<ConfigMap>;
  /** With `REPORT_SELECTOR`, of the broker's replicas. */
  readonly reports: StoreView<Lease>;
}

export interface ControllersOptions {
  readonly stores: ControllerStores;
  readonly desired: DesiredWatch;
  readonly owner: Owner;
  readonly kube: Kube;
  readonly events: Pick<EventRecorder, "record">;
  readonly clock?: Clock;
}

export interface ControllerOf<World, Action> {
  readonly reconciler: Reconciler<World, Action>;
  readonly triggers: readonly Trigger[];
}

export interface Controllers extends Disposable {
  readonly kinds: readonly ControllerOf<KindWorld, WriteStatus>[];
  readonly namespaces: ControllerOf<NamespaceWorld, NamespaceAction>;
}

/** To be run by whoever holds the lease, each by `runController`. */
export function controllers(options: ControllersOptions): Controllers {
  const { stores, desired, owner, kube, events, clock = systemClock } = options;
  const { namespaces, roleBindings, networkPolicies, authorities } = stores;
  const reports = watchReports(stores.reports, clock);
  const isEnforcedNow = (name: string): boolean => {
    const namespace = namespaces.get(name);
    return namespace !== undefined && isEnforced(namespace, owner);
  };
  const registered = (object: OwnKind, signal: AbortSignal): Promise<Registration | undefined> =>
    registrationOf(
      { kube, systemNamespace: owner.systemNamespace, isEnforced: isEnforcedNow },
      object,
      signal,
    );
  const kinds = (Object.keys(KINDS_IN_CLUSTER) as KindInCluster[]).map((kind) => {
    const store = stores.kinds[kind];
    const { resource, judge, follows }: KindQuestion = KINDS_IN_CLUSTER[kind];
    const question = { kind, resource, judge, store, desired, namespaces, owner, reports, registered };
    // The store tells of a status that somebody else has written over.
    const triggers = [desired.affected(kind), trigger(store), reports.affected(store)];
    return {
      reconciler: kindReconciler({ ...question, kube, events, clock }),
      triggers: follows === undefined ? triggers : [...triggers, trigger(namespaces, keysIn(store, follows))],
    };
  });
  return {
    kinds,
    [Symbol.dispose]: () => reports[Symbol.dispose](),
    namespaces: {
      reconciler: namespaceReconciler({
        namespaces,
        roleBindings,
        networkPolicies,
        authorities,
        owner,
        kube,
        events,
        clock,
      }),
      triggers: [
        trigger(namespaces),
        trigger(roleBindings, namespaceOf),
        trigger(networkPolicies, namespaceOf),
        trigger(authorities, (changed) => {
          const [namespace = ""] = namespaceOf(changed);
          // What the broker publishes is copied everywhere.
          return namespace === owner.systemNamespace ? namespaces.list().map(keyOf) : [namespace];
        }),
      ],
    },
  };
}

function keysIn(
  store: StoreView<OwnKind>,
  follows: NonNullable<KindQuestion["follows"]>,
): (namespace: Namespace) => readonly string[] {
  return ({ metadata: { name } }) =>
    store
      .list()
      .filter((object) => follows(object) === name)
      .map(keyOf);
}

function namespaceOf({ metadata }: KubeObject): readonly string[] {
  return metadata.namespace === undefined ? [] : [metadata.namespace];
}
