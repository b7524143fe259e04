/** The schema of a whole document of each kind: what Kubernetes says about names and labels, and the kind's own spec. */
import { ANNOTATIONS, LABELS, NAME, NAMESPACE } from "./metadata-schemas.ts";
import { KINDS } from "./schema.gen.ts";
import type { KindSchema, ObjectSchema } from "./schema.ts";

export const API_VERSION = "sallyport.dev/v1alpha1";
export type KindName = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as readonly KindName[];

export function isKindName(name: string): name is KindName {
  return KIND_NAMES.some((known) => known === name);
}

export const POLICY_KINDS = [
  "SecretAccessPolicy",
  "ClusterSecretAccessPolicy",
] as const satisfies readonly KindName[];

const KEPT_BY_CLUSTER = "is kept by the cluster and means nothing in a file; remove it";
const CLUSTER_FIELDS = [
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "finalizers",
  "generation",
  "managedFields",
  "ownerReferences",
  "resourceVersion",
  "selfLink",
  "uid",
];

const SCHEMAS = new Map<KindName, ObjectSchema>(
  KIND_NAMES.map((kind): [KindName, ObjectSchema] => [kind, documentSchema(kind, KINDS[kind])]),
);

export function schemaOf(kind: KindName): ObjectSchema {
  const schema = SCHEMAS.get(kind);
  if (schema === undefined) throw new Error(`no schema for ${kind}`);
  return schema;
}

function documentSchema(kind: KindName, { scope, spec }: KindSchema): ObjectSchema {
  const inNamespace = scope === "Namespaced";
  const metadata: ObjectSchema = {
    type: "object",
    required: inNamespace ? ["name", "namespace"] : ["name"],
    properties: {
      name: NAME,
      ...(inNamespace ? { namespace: NAMESPACE } : {}),
      labels: LABELS,
      annotations: ANNOTATIONS,
    },
    hints: {
      ...Object.fromEntries(CLUSTER_FIELDS.map((name) => [name, `${name} ${KEPT_BY_CLUSTER}`])),
      generateName: "a file needs a name that stays: give name",
      namespace: inNamespace
        ? "namespace is missing: kubectl would take it from its context, and a file has none"
        : `a ${kind} is in no namespace; remove it`,
    },
  };
  return {
    type: "object",
    required: ["apiVersion", "kind", "metadata", "spec"],
    properties: {
      apiVersion: { type: "string", enum: [API_VERSION] },
      kind: { type: "string", enum: [kind] },
      metadata,
      spec,
    },
    hints: { status: "status is written by the operator; remove it" },
  };
}
