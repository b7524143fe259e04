/** Owners of what is made, asked of the API server at that moment: whose something is must not come from what was true a while ago. */
import type { Kube } from "../../kube/client.ts";
import { type KubeObject, type Resource, objectKey } from "../../kube/resource.ts";
import type { OwnerKind } from "../origin/registry.ts";

export interface OwnerFacts {
  /** Undefined: there is no such object. Rejects when it cannot be found out: who asks has to refuse then. */
  find(
    kind: Pick<OwnerKind, "group" | "version" | "plural" | "kind">,
    namespace: string,
    name: string,
    signal: AbortSignal,
  ): Promise<KubeObject | undefined>;
}

/** A review waits for it no longer than this, and for the rest of what has to be known besides. */
const DEADLINE_MS = 2_000;

export function ownerFacts(kube: Pick<Kube, "get">): OwnerFacts {
  return {
    find: ({ group, version, plural, kind }, namespace, name, signal) => {
      const resource: Resource = { group, version, plural, kind, namespaced: true };
      return kube.get(resource, objectKey(namespace, name), { signal, deadlineMs: DEADLINE_MS });
    },
  };
}
