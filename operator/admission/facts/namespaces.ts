/** What a pod's namespace says of its pods. From the store while that is up to date, else asked of the API server. */
import { LABELS } from "../../names.ts";
import type { Kube } from "../../kube/client.ts";
import { type Namespace, NAMESPACES } from "../../kube/resource.ts";
import type { StoreView } from "../../kube/store.ts";
import { type PodSecurity, podSecurityForbids } from "../../reconcile/pod-security.ts";
import { ROOTLESS, type Rootless } from "../pod/contract.ts";

export interface NamespaceSays {
  readonly rootless: Rootless;
  /** Set when its label has a value that there is not: then the strictest holds. */
  readonly rootlessUnknown?: string;
  readonly podSecurity: PodSecurity | undefined;
}

export interface NamespaceFactsOptions {
  readonly kube: Kube;
  readonly store: Pick<StoreView<Namespace>, "get">;
  /** Whether the store follows the API server at this moment. */
  readonly isFollowing: () => boolean;
  /** For namespaces that do not say. */
  readonly rootless: Rootless;
}

/** A review waits for it no longer than this, and for the rest of what has to be known besides. */
const DEADLINE_MS = 2_000;

/** Rejects when it cannot be found out: who asks has to refuse then. */
export type NamespaceFacts = (name: string, signal: AbortSignal) => Promise<NamespaceSays>;

export function namespaceFacts({
  kube,
  store,
  isFollowing,
  rootless,
}: NamespaceFactsOptions): NamespaceFacts {
  return async (name, signal) => {
    // One that was made a moment ago may not have reached the store: its first pods come right after it.
    const known = isFollowing() ? store.get(name) : undefined;
    const namespace = known ?? (await kube.get(NAMESPACES, name, { signal, deadlineMs: DEADLINE_MS }));
    if (namespace === undefined) throw new NoNamespace(name);
    return says(name, namespace.metadata.labels ?? {}, rootless);
  };
}

export class NoNamespace extends Error {
  constructor(name: string) {
    super(`there is no namespace ${name}`);
  }
}

export function says(
  name: string,
  labels: Readonly<Record<string, string>>,
  otherwise: Rootless,
): NamespaceSays {
  const label = labels[LABELS.rootless];
  const known = label === undefined ? otherwise : ROOTLESS.find((word) => word === label);
  return {
    rootless: known ?? "deny",
    podSecurity: podSecurityForbids(name, labels),
    ...(known === undefined && label !== undefined ? { rootlessUnknown: label } : {}),
  };
}
