/**
 * Keeps the policies that hold authors' stamps as they shall be: they name the controllers that are registered, so that they cannot be of
 * the chart. They belong to a ClusterRole of the chart, and go with it.
 */
import { isDeepStrictEqual } from "node:util";
import { AUTHOR_POLICIES, type AuthorPolicyName, authorPolicy } from "../admission/origin/policies.ts";
import type { Registry } from "../admission/origin/registry.ts";
import type { Applied, Kube } from "../kube/client.ts";
import type { Reconciler, Trigger } from "../kube/controller.ts";
import {
  type KubeObject,
  type OwnerReference,
  type Resource,
  VALIDATING_POLICIES,
  VALIDATING_POLICY_BINDINGS,
} from "../kube/resource.ts";
import type { StoreView } from "../kube/store.ts";
import { MANAGED_LABELS } from "./owned.ts";

/** Both have a spec, and nothing else of ours. */
export interface Specified extends KubeObject {
  readonly spec?: unknown;
}

export interface PolicyWrite {
  readonly resource: Resource<Specified>;
  readonly object: Applied<Specified>;
  readonly isNew: boolean;
}

export interface AuthorPoliciesOptions {
  readonly kube: Pick<Kube, "get" | "create" | "update">;
  /** Throws while they have not been read. */
  readonly registry: () => Registry;
  readonly systemNamespace: string;
  /** Undefined: it is not there, so Sallyport is being uninstalled. */
  readonly owner: (signal: AbortSignal) => Promise<OwnerReference | undefined>;
}

/** Keys are the policies' names. */
export function authorPoliciesReconciler(
  options: AuthorPoliciesOptions,
): Reconciler<readonly PolicyWrite[], PolicyWrite> {
  const { kube, registry, systemNamespace, owner } = options;

  async function writeOf<T extends Specified>(
    resource: Resource<T>,
    object: Applied<T>,
    signal: AbortSignal,
  ): Promise<readonly PolicyWrite[]> {
    const { name } = object.metadata;
    const live = await kube.get(resource, name, { signal });
    const of = { resource: resource as Resource<Specified> };
    if (live === undefined) {
      const reference = await owner(signal);
      if (reference === undefined) return [];
      const metadata = { name, labels: MANAGED_LABELS, ownerReferences: [reference] };
      return [{ ...of, object: { ...object, metadata }, isNew: true }];
    }
    const wanted: Applied<T> = { ...object, metadata: live.metadata };
    // Asked of the API server, which alone knows what it adds: whatever is beyond that was added by somebody else.
    const stored = await kube.update(resource, wanted, { signal, dryRun: true });
    return isDeepStrictEqual(stored.spec, live.spec) ? [] : [{ ...of, object: wanted, isNew: false }];
  }

  return {
    name: "author-policies",
    async observe(key, signal) {
      const name: AuthorPolicyName | undefined = AUTHOR_POLICIES.find((each) => each === key);
      if (name === undefined) return undefined;
      const { policy, binding } = authorPolicy(name, { registry: registry(), systemNamespace });
      return [
        ...(await writeOf(VALIDATING_POLICIES, policy, signal)),
        ...(await writeOf(VALIDATING_POLICY_BINDINGS, binding, signal)),
      ];
    },
    plan: (actions) => ({ actions }),
    async apply({ resource, object, isNew }, signal) {
      if (isNew) await kube.create(resource, object, { signal });
      else await kube.update(resource, object, { signal });
    },
  };
}

/** Both, whenever anything changes that either is made of, or anything about themselves. */
export function authorPoliciesTrigger(stores: readonly StoreView<KubeObject>[]): Trigger {
  return {
    synced: async (signal) => {
      await Promise.all(stores.map((store) => store.synced(signal)));
    },
    all: () => AUTHOR_POLICIES,
    subscribe: (enqueue) => {
      const stops = stores.map((store) => store.onChange(() => AUTHOR_POLICIES.forEach(enqueue)));
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}
