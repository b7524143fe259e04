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
  type KubeObject,
  type Namespace,
  type OwnKind,
  POLICIES,
  type Resource,
} from "../kube/resource.ts";
import type { StoreView } from "../kube/store.ts";
import { judgeConnection } from "./connection.ts";
import { judgeIdentityProvider } from "./identity-provider.ts";
import { kindReconciler, type WriteStatus } from "./kind.ts";
import type { JudgeConditions, KindWorld } from "./kind-world.ts";
import { namespaceReconciler } from "./namespace.ts";
import type { NamespaceAction, NamespaceWorld } from "./namespace-plan.ts";
import type { NetworkPolicy, Owner, RoleBinding } from "./owned.ts";
import { judgePolicy } from "./policy.ts";

export const KINDS_IN_CLUSTER = {
  Connection: { resource: CONNECTIONS, judge: judgeConnection },
  SecretAccessPolicy: { resource: POLICIES, judge: judgePolicy },
  ClusterSecretAccessPolicy: { resource: GUARDRAILS, judge: judgePolicy },
  IdentityProvider: { resource: IDENTITY_PROVIDERS, judge: judgeIdentityProvider },
} as const satisfies Record<
  KindInCluster,
  { readonly resource: Resource<OwnKind>; readonly judge: JudgeConditions }
>;

export interface ControllerStores {
  readonly kinds: KindStores;
  readonly namespaces: StoreView<Namespace>;
  /** With `MANAGED_SELECTOR`, and an index `BY_NAMESPACE`. */
  readonly roleBindings: StoreView<RoleBinding>;
  readonly networkPolicies: StoreView<NetworkPolicy>;
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

export interface Controllers {
  readonly kinds: readonly ControllerOf<KindWorld, WriteStatus>[];
  readonly namespaces: ControllerOf<NamespaceWorld, NamespaceAction>;
}

/** To be run by whoever holds the lease, each by `runController`. */
export function controllers(options: ControllersOptions): Controllers {
  const { stores, desired, owner, kube, events, clock = systemClock } = options;
  const kinds = (Object.keys(KINDS_IN_CLUSTER) as KindInCluster[]).map((kind) => {
    const store = stores.kinds[kind];
    const { resource, judge } = KINDS_IN_CLUSTER[kind];
    return {
      reconciler: kindReconciler({ kind, resource, store, desired, judge, kube, events, clock }),
      // The store tells of a status that somebody else has written over.
      triggers: [desired.affected(kind), trigger(store)],
    };
  });
  const { namespaces, roleBindings, networkPolicies } = stores;
  return {
    kinds,
    namespaces: {
      reconciler: namespaceReconciler({
        namespaces,
        roleBindings,
        networkPolicies,
        owner,
        kube,
        events,
        clock,
      }),
      triggers: [
        trigger(namespaces),
        trigger(roleBindings, namespaceOf),
        trigger(networkPolicies, namespaceOf),
      ],
    },
  };
}

function namespaceOf({ metadata }: KubeObject): readonly string[] {
  return metadata.namespace === undefined ? [] : [metadata.namespace];
}
