/**
 * An enforced namespace: the broker gets its rights there, a NetworkPolicy stands behind the gateway, and the namespace
 * says when its pods cannot be made. Without the label all of that is taken back.
 */
import type { Kube } from "../kube/client.ts";
import type { Clock } from "../kube/clock.ts";
import type { Reconciler } from "../kube/controller.ts";
import { isNotFound, KubeError } from "../kube/error.ts";
import type { EventRecorder } from "../kube/events.ts";
import { AUTHORITY_CONFIG_MAP } from "../names.ts";
import {
  CONFIG_MAPS,
  keyOf,
  type KubeObject,
  type Namespace,
  NAMESPACES,
  NETWORK_POLICIES,
  objectKey,
  ROLE_BINDINGS,
} from "../kube/resource.ts";
import type { StoreView } from "../kube/store.ts";
import { type Held, type NamespaceAction, type NamespaceWorld, planNamespace } from "./namespace-plan.ts";
import type { ConfigMap, NetworkPolicy, Owned, Owner, RoleBinding } from "./owned.ts";

/** Index of the stores of what we own. */
export const BY_NAMESPACE = "namespace";

export interface NamespaceOptions {
  readonly namespaces: StoreView<Namespace>;
  /** Those with `MANAGED_SELECTOR`, indexed by namespace. */
  readonly roleBindings: StoreView<RoleBinding>;
  readonly networkPolicies: StoreView<NetworkPolicy>;
  /** Those named `AUTHORITY_CONFIG_MAP`, indexed the same: what the broker has published, and the copies. */
  readonly authorities: StoreView<ConfigMap>;
  readonly owner: Owner;
  readonly kube: Kube;
  readonly events: Pick<EventRecorder, "record">;
  readonly clock: Clock;
}

export function namespaceReconciler(options: NamespaceOptions): Reconciler<NamespaceWorld, NamespaceAction> {
  const { namespaces, roleBindings, networkPolicies, authorities, owner, clock } = options;
  const held = (name: string): readonly Held[] => [
    ...roleBindings.by(BY_NAMESPACE, name).map((object): Held => ({ resource: ROLE_BINDINGS, object })),
    ...networkPolicies.by(BY_NAMESPACE, name).map((object): Held => ({ resource: NETWORK_POLICIES, object })),
    ...authorities.by(BY_NAMESPACE, name).map((object): Held => ({ resource: CONFIG_MAPS, object })),
  ];
  const { name: published, member } = AUTHORITY_CONFIG_MAP;
  return {
    name: "Namespace",
    observe(key) {
      const namespace = namespaces.get(key);
      if (namespace === undefined) return Promise.resolve(undefined);
      const authority = authorities.get(objectKey(owner.systemNamespace, published));
      return Promise.resolve({
        namespace,
        there: held(key),
        owner,
        published: { authorityPem: authority?.data?.[member] },
        nowMs: clock.wallMs(),
      });
    },
    plan: planNamespace,
    async apply(action, signal) {
      if (action.do === "status") return writeStatus(options, action, signal);
      if (action.do === "delete") return takeBack(options, action.held, signal);
      return give(options, action.owned, signal);
    },
  };
}

async function writeStatus(
  { kube, events }: NamespaceOptions,
  { namespace, conditions, notices }: NamespaceAction & { readonly do: "status" },
  signal: AbortSignal,
): Promise<void> {
  try {
    await kube.applyStatus(NAMESPACES, keyOf(namespace), { conditions }, { signal, force: true });
  } catch (error) {
    if (isNotFound(error)) return;
    throw error;
  }
  for (const notice of notices) events.record({ regarding: namespace, ...notice });
}

/** Only this very object: one that somebody else has made since under its name is not ours to delete. */
async function takeBack(
  { kube }: NamespaceOptions,
  { resource, object }: Held,
  signal: AbortSignal,
): Promise<void> {
  const { uid } = object.metadata;
  await kube.delete(resource, keyOf(object), { signal, ...(uid === undefined ? {} : { uid }) });
}

async function give(
  { kube, events, namespaces }: NamespaceOptions,
  owned: Owned,
  signal: AbortSignal,
): Promise<void> {
  const { resource, object } = owned;
  const apply = (): Promise<KubeObject> => kube.apply<KubeObject>(resource, object, { signal, force: true });
  try {
    await apply();
  } catch (error) {
    if (isOtherRole(owned, error)) {
      await kube.delete(resource, keyOf(object), { signal });
      await apply();
      return;
    }
    const regarding = namespaces.get(object.metadata.namespace ?? "");
    if (regarding !== undefined && isRefused(error)) {
      const note = `${resource.kind} ${object.metadata.name} cannot be written: ${error.message}`;
      events.record({ regarding, type: "Warning", reason: "OwnedObjectRefused", action: "Reconcile", note });
    }
    throw error;
  }
}

/** The role of a binding cannot be changed: one under our name that gives another role goes, and makes room for ours. */
function isOtherRole({ resource }: Owned, error: unknown): boolean {
  return resource === ROLE_BINDINGS && error instanceof KubeError && error.status === 422;
}

/** The API server has understood and says no: trying again does not help until somebody changes something. */
function isRefused(error: unknown): error is KubeError {
  return error instanceof KubeError && (error.status === 403 || error.status === 422);
}
