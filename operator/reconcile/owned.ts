/**
 * What an enforced namespace holds of ours: the broker's right to its Secrets and tokens, whom gateways take for the broker, and a
 * NetworkPolicy behind the gateway's own rules. Written as the API server gives it back, so that a difference is a change by somebody else. Pure.
 */
import { isDeepStrictEqual } from "node:util";
import type { Applied } from "../kube/client.ts";
import { AUTHORITY_CONFIG_MAP, PORTS } from "#operator/names.ts";
import {
  CONFIG_MAPS,
  type KubeObject,
  NETWORK_POLICIES,
  type Resource,
  ROLE_BINDINGS,
} from "../kube/resource.ts";

type ObjectOf<Of> = Of extends Resource<infer T> ? T : never;
export type RoleBinding = ObjectOf<typeof ROLE_BINDINGS>;
export type NetworkPolicy = ObjectOf<typeof NETWORK_POLICIES>;
export type ConfigMap = ObjectOf<typeof CONFIG_MAPS>;
export type OwnedResource = typeof ROLE_BINDINGS | typeof NETWORK_POLICIES | typeof CONFIG_MAPS;

export const MANAGED_LABELS = { "app.kubernetes.io/managed-by": "sallyport-operator" } as const;
export const MANAGED_SELECTOR = Object.entries(MANAGED_LABELS)
  .map(([label, value]) => `${label}=${value}`)
  .join();

/** ClusterRoles of the chart. The operator may bind these two and no other. */
export const BROKER_ROLES = ["sallyport-broker-secrets", "sallyport-broker-tokens"] as const;
export const NETWORK_POLICY = "sallyport-agents";
const BROKER_ACCOUNT = "sallyport-broker";

export interface Owner {
  /** Where the broker runs. */
  readonly systemNamespace: string;
  readonly networkPolicy: boolean;
  /** Labels of namespaces that may read what gateways count; undefined: none may. */
  readonly metricsFrom?: Readonly<Record<string, string>> | undefined;
}

/** What the broker has published, if it has. */
export interface Published {
  readonly authorityPem: string | undefined;
}

/** One object of ours, as it shall be. */
export interface Owned {
  readonly resource: OwnedResource;
  readonly object: Applied<RoleBinding> | Applied<NetworkPolicy> | Applied<ConfigMap>;
}

export function ownedObjects(
  namespace: string,
  { systemNamespace, networkPolicy, metricsFrom }: Owner,
  { authorityPem }: Published,
): readonly Owned[] {
  return [
    ...BROKER_ROLES.map((role): Owned => {
      return { resource: ROLE_BINDINGS, object: binding(namespace, role, systemNamespace) };
    }),
    ...(authorityPem === undefined
      ? []
      : [{ resource: CONFIG_MAPS, object: authorityOf(namespace, authorityPem) }]),
    ...(networkPolicy ? [{ resource: NETWORK_POLICIES, object: agentsPolicy(namespace, metricsFrom) }] : []),
  ];
}

/** Whether what is there is what shall be there, and nothing besides. */
export function isAsWanted(there: KubeObject, { object }: Owned): boolean {
  const { metadata, ...wanted } = object;
  const labels = Object.entries(metadata.labels ?? {});
  const found: Readonly<Record<string, unknown>> = { ...there };
  return (
    labels.every(([label, value]) => there.metadata.labels?.[label] === value) &&
    Object.entries(wanted).every(([field, value]) => isDeepStrictEqual(found[field], value))
  );
}

function authorityOf(namespace: string, pem: string): Applied<ConfigMap> {
  const { name, member } = AUTHORITY_CONFIG_MAP;
  return { metadata: { namespace, name, labels: MANAGED_LABELS }, data: { [member]: pem } };
}

function binding(namespace: string, role: string, systemNamespace: string): Applied<RoleBinding> {
  return {
    metadata: { namespace, name: role, labels: MANAGED_LABELS },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ kind: "ServiceAccount", name: BROKER_ACCOUNT, namespace: systemNamespace }],
  };
}

function metricsOnly(matchLabels: Readonly<Record<string, string>>) {
  return {
    ports: [{ protocol: "TCP" as const, port: PORTS.health }],
    from: [{ namespaceSelector: { matchLabels } }],
  };
}

const DNS_PORTS = (["UDP", "TCP"] as const).map((protocol) => ({ protocol, port: 53 }));

/**
 * In the pod every packet of an agent is redirected or dropped, and only the gateway gets out. Should that fail, this is
 * what is left: nobody comes in but whoever may read metrics, nothing but TCP and DNS goes out, and no cloud hands out the node's identity.
 * Host names are not known to a NetworkPolicy, so upstreams cannot be listed.
 */
function agentsPolicy(namespace: string, metricsFrom: Owner["metricsFrom"]): Applied<NetworkPolicy> {
  return {
    metadata: { namespace, name: NETWORK_POLICY, labels: MANAGED_LABELS },
    spec: {
      podSelector: {},
      policyTypes: ["Ingress", "Egress"],
      ...(metricsFrom === undefined ? {} : { ingress: [metricsOnly(metricsFrom)] }),
      egress: [
        { ports: DNS_PORTS },
        {
          ports: [{ protocol: "TCP" }],
          to: [
            { ipBlock: { cidr: "0.0.0.0/0", except: ["169.254.0.0/16"] } },
            { ipBlock: { cidr: "::/0", except: ["fe80::/10", "fd00:ec2::254/128"] } },
          ],
        },
      ],
    },
  };
}
