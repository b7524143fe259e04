/** What an enforced namespace needs and says, and what is taken back when it is enforced no more. Pure. */
import { LABELS } from "#operator/names.ts";
import { ROOTLESS } from "../admission/pod/contract.ts";
import type { Plan } from "../kube/controller.ts";
import { CONFIG_MAPS, type KubeObject, type Namespace } from "../kube/resource.ts";
import { type Finding, finding } from "./conditions.ts";
import {
  isAsWanted,
  type Owned,
  type OwnedResource,
  type Owner,
  ownedObjects,
  type Published,
} from "./owned.ts";
import { podSecurityForbids } from "./pod-security.ts";
import { changeOf, conditionsOf, type Notice, noticesOf, type WrittenCondition } from "./status.ts";

export const NAMESPACE_CONDITION = "sallyport.dev/Enforced";

export interface NamespaceWorld {
  readonly namespace: Namespace;
  /** What there is of ours. */
  readonly there: readonly Held[];
  readonly owner: Owner;
  readonly published: Published;
  readonly nowMs: number;
}

export interface Held {
  readonly resource: OwnedResource;
  readonly object: KubeObject;
}

export type NamespaceAction =
  | { readonly do: "apply"; readonly owned: Owned }
  | { readonly do: "delete"; readonly held: Held }
  | {
      readonly do: "status";
      readonly namespace: Namespace;
      readonly conditions: readonly WrittenCondition[];
      readonly notices: readonly Notice[];
    };

export function planNamespace(world: NamespaceWorld): Plan<NamespaceAction> {
  const { namespace, there, owner, published, nowMs } = world;
  // Nothing can be made in a namespace that ends, and what is there goes with it.
  if (namespace.metadata.deletionTimestamp !== undefined) return { actions: [] };
  const isOn = isEnforced(namespace, owner);
  const wanted = isOn ? ownedObjects(namespace.metadata.name, owner, published) : [];
  // The broker's own is the broker's; and what it has published is good until it publishes something else.
  const isKept = ({ resource }: Held): boolean =>
    resource === CONFIG_MAPS &&
    (namespace.metadata.name === owner.systemNamespace || (isOn && published.authorityPem === undefined));
  const findings = hasLabel(namespace) ? [namespaceFinding(namespace, owner)] : [];
  return {
    actions: [
      ...planOwned(
        wanted,
        there.filter((held) => !isKept(held)),
      ),
      ...planStatus(namespace, findings, nowMs),
    ],
  };
}

/** Whether pods made there get the gateway, and the broker has its rights there. */
export function isEnforced(namespace: Namespace, owner: Pick<Owner, "systemNamespace">): boolean {
  return hasLabel(namespace) && !isExcluded(namespace, owner);
}

/** Any value: an empty one is no way out. */
function hasLabel({ metadata }: Namespace): boolean {
  return metadata.labels?.[LABELS.enforce] !== undefined;
}

/** As the chart's webhooks leave them out: a cluster must be able to start without us. */
const SYSTEM_NAMESPACES = ["kube-system"];

function isExcluded(
  { metadata: { name } }: Namespace,
  { systemNamespace }: Pick<Owner, "systemNamespace">,
): boolean {
  return name === systemNamespace || SYSTEM_NAMESPACES.includes(name);
}

function namespaceFinding(namespace: Namespace, owner: Owner): Finding {
  const { name, labels } = namespace.metadata;
  if (isExcluded(namespace, owner)) return finding(NAMESPACE_CONDITION, "NamespaceExcluded");
  const forbidden = podSecurityForbids(name, labels);
  if (forbidden !== undefined) {
    const { level, remedy } = forbidden;
    const message = `Pod Security level "${level}" refuses the gateway's gw-init, which needs NET_ADMIN, so no pod can be made here. Run: ${remedy}`;
    return finding(NAMESPACE_CONDITION, "PodSecurityForbidsGateway", message);
  }
  const rootless = labels?.[LABELS.rootless];
  if (rootless !== undefined && !ROOTLESS.some((known) => known === rootless)) {
    const message = `${LABELS.rootless} is "${rootless}"; set it to one of ${ROOTLESS.join(", ")}, or remove it.`;
    return finding(NAMESPACE_CONDITION, "RootlessUnknown", message);
  }
  return finding(NAMESPACE_CONDITION, "GatewayInjected");
}

function planOwned(wanted: readonly Owned[], there: readonly Held[]): readonly NamespaceAction[] {
  const find = ({ resource, object }: Owned): Held | undefined => {
    return there.find(
      (held) => held.resource === resource && held.object.metadata.name === object.metadata.name,
    );
  };
  const surplus = there.filter((held) => !wanted.some((owned) => find(owned) === held));
  const applied = wanted.flatMap((owned): NamespaceAction[] => {
    const held = find(owned);
    if (held !== undefined && isAsWanted(held.object, owned)) return [];
    return [{ do: "apply", owned }];
  });
  return [...surplus.map((held): NamespaceAction => ({ do: "delete", held })), ...applied];
}

function planStatus(
  namespace: Namespace,
  findings: readonly Finding[],
  nowMs: number,
): readonly NamespaceAction[] {
  if (findings.length === 0) {
    if (!conditionsOf(namespace.status).has(NAMESPACE_CONDITION)) return [];
    return [{ do: "status", namespace, conditions: [], notices: [] }];
  }
  const change = changeOf(namespace.status, findings, undefined, nowMs);
  if (change.isSame) return [];
  return [{ do: "status", namespace, conditions: change.conditions, notices: noticesOf(change.turns) }];
}
