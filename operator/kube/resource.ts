/** What the API server serves, as values: where a kind lives, and what one of its objects is called. */
import type {
  V1CertificateSigningRequest,
  V1ClusterRole,
  V1ConfigMap,
  V1CustomResourceDefinition,
  V1Lease,
  V1MutatingWebhookConfiguration,
  V1Namespace,
  V1NetworkPolicy,
  V1Node,
  V1Pod,
  V1Role,
  V1RoleBinding,
  V1Secret,
  V1Service,
  V1ServiceAccount,
  V1ValidatingAdmissionPolicy,
  V1ValidatingAdmissionPolicyBinding,
  V1StatefulSet,
  V1ValidatingWebhookConfiguration,
} from "@kubernetes/client-node";
import { GROUP } from "#operator/names.ts";

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly generateName?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/**
 * A type of client-node as it is on the wire: its generated classes hold dates where JSON has text, and call `_from` what
 * Kubernetes calls `from`. We read and write JSON as it is, so nothing of theirs is converted and nothing is renamed.
 */
export type Wire<T> = unknown extends T
  ? unknown
  : T extends Date
    ? string
    : T extends string | number | boolean | null | undefined
      ? T
      : T extends readonly (infer Item)[]
        ? readonly Wire<Item>[]
        : { readonly [Key in keyof T as Key extends `_${infer Name}` ? Name : Key]: Wire<T[Key]> };

type Of<T> = KubeObject & Omit<Wire<T>, keyof KubeObject>;

declare const objectType: unique symbol;

export interface Resource<T extends KubeObject = KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never there: it ties the type of the objects to the value. */
  readonly [objectType]?: T;
}

/** One of our own kinds. What is in it is read by `core/api`, which trusts nothing. */
export interface OwnKind extends KubeObject {
  readonly spec?: unknown;
  readonly status?: unknown;
}

export type Pod = Of<V1Pod>;
export type Namespace = Of<V1Namespace>;
export type Lease = Of<V1Lease>;
export type Secret = Of<V1Secret>;

function resource<T extends KubeObject>(
  apiVersion: string,
  kind: string,
  plural: string,
  scope: "namespaced" | "cluster" = "namespaced",
): Resource<T> {
  const slash = apiVersion.indexOf("/");
  const [group, version] =
    slash < 0 ? ["", apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
  return { group, version, plural, kind, namespaced: scope === "namespaced" };
}

const ADMISSION = "admissionregistration.k8s.io/v1";
const OURS = `${GROUP}/v1alpha1`;
const RBAC = "rbac.authorization.k8s.io/v1";

export const PODS = resource<Pod>("v1", "Pod", "pods");
export const NAMESPACES = resource<Namespace>("v1", "Namespace", "namespaces", "cluster");
export const SECRETS = resource<Secret>("v1", "Secret", "secrets");
export const SERVICES = resource<Of<V1Service>>("v1", "Service", "services");
export const SERVICE_ACCOUNTS = resource<Of<V1ServiceAccount>>("v1", "ServiceAccount", "serviceaccounts");
export const CONFIG_MAPS = resource<Of<V1ConfigMap>>("v1", "ConfigMap", "configmaps");
export const NODES = resource<Of<V1Node>>("v1", "Node", "nodes", "cluster");
export const LEASES = resource<Lease>("coordination.k8s.io/v1", "Lease", "leases");
export const STATEFUL_SETS = resource<Of<V1StatefulSet>>("apps/v1", "StatefulSet", "statefulsets");
export const EVENTS = resource("events.k8s.io/v1", "Event", "events");
export const NETWORK_POLICIES = resource<Of<V1NetworkPolicy>>(
  "networking.k8s.io/v1",
  "NetworkPolicy",
  "networkpolicies",
);
export const ROLES = resource<Of<V1Role>>(RBAC, "Role", "roles");
export const ROLE_BINDINGS = resource<Of<V1RoleBinding>>(RBAC, "RoleBinding", "rolebindings");
export const CLUSTER_ROLES = resource<Of<V1ClusterRole>>(RBAC, "ClusterRole", "clusterroles", "cluster");
export const CUSTOM_RESOURCE_DEFINITIONS = resource<Of<V1CustomResourceDefinition>>(
  "apiextensions.k8s.io/v1",
  "CustomResourceDefinition",
  "customresourcedefinitions",
  "cluster",
);
export const MUTATING_WEBHOOKS = resource<Of<V1MutatingWebhookConfiguration>>(
  ADMISSION,
  "MutatingWebhookConfiguration",
  "mutatingwebhookconfigurations",
  "cluster",
);
export const VALIDATING_WEBHOOKS = resource<Of<V1ValidatingWebhookConfiguration>>(
  ADMISSION,
  "ValidatingWebhookConfiguration",
  "validatingwebhookconfigurations",
  "cluster",
);
export type ValidatingPolicy = Of<V1ValidatingAdmissionPolicy>;
export type ValidatingPolicyBinding = Of<V1ValidatingAdmissionPolicyBinding>;
export const VALIDATING_POLICIES = resource<ValidatingPolicy>(
  ADMISSION,
  "ValidatingAdmissionPolicy",
  "validatingadmissionpolicies",
  "cluster",
);
export const VALIDATING_POLICY_BINDINGS = resource<ValidatingPolicyBinding>(
  ADMISSION,
  "ValidatingAdmissionPolicyBinding",
  "validatingadmissionpolicybindings",
  "cluster",
);
export const SUBJECT_ACCESS_REVIEWS = resource(
  "authorization.k8s.io/v1",
  "SubjectAccessReview",
  "subjectaccessreviews",
  "cluster",
);
export const CERTIFICATE_REQUESTS = resource<Of<V1CertificateSigningRequest>>(
  "certificates.k8s.io/v1",
  "CertificateSigningRequest",
  "certificatesigningrequests",
  "cluster",
);
export const SELF_SUBJECT_REVIEWS = resource(
  "authentication.k8s.io/v1",
  "SelfSubjectReview",
  "selfsubjectreviews",
  "cluster",
);
export const TOKEN_REVIEWS = resource("authentication.k8s.io/v1", "TokenReview", "tokenreviews", "cluster");
export const CONNECTIONS = resource<OwnKind>(OURS, "Connection", "connections");
export const POLICIES = resource<OwnKind>(OURS, "SecretAccessPolicy", "secretaccesspolicies");
export const GUARDRAILS = resource<OwnKind>(
  OURS,
  "ClusterSecretAccessPolicy",
  "clustersecretaccesspolicies",
  "cluster",
);
export const IDENTITY_PROVIDERS = resource<OwnKind>(OURS, "IdentityProvider", "identityproviders", "cluster");

export const WORKLOAD_CONTROLLERS = resource<OwnKind>(
  OURS,
  "WorkloadController",
  "workloadcontrollers",
  "cluster",
);

export function apiVersionOf({ group, version }: Resource): string {
  return group === "" ? version : `${group}/${version}`;
}

/** `namespace/name`, or `name` of what has no namespace. */
export type ObjectKey = string;

export interface ObjectName {
  readonly namespace: string | undefined;
  readonly name: string;
}

export function objectKey(namespace: string | undefined, name: string): ObjectKey {
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

export function keyOf({ metadata }: { readonly metadata: ObjectMeta }): ObjectKey {
  return objectKey(metadata.namespace, metadata.name);
}

export function parseKey(key: ObjectKey): ObjectName {
  const slash = key.indexOf("/");
  if (slash < 0) return { namespace: undefined, name: key };
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
