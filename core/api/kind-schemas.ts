/** The schema of a whole document of each kind: what Kubernetes says about names and labels, and the kind's own spec. */
import { KINDS } from "./schema.gen.ts";
import type { KindSchema, ObjectSchema, Schema } from "./schema.ts";

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

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const NAME: Schema = {
  type: "string",
  minLength: 1,
  maxLength: 253,
  pattern: `^${LABEL}(\\.${LABEL})*$`,
  expects: "a name of lower-case letters, digits, `-` and `.`, with a letter or digit first and last",
};
const NAMESPACE: Schema = {
  type: "string",
  minLength: 1,
  maxLength: 63,
  pattern: `^${LABEL}$`,
  expects: "a namespace's name: at most 63 lower-case letters, digits and `-`",
};
const QUALIFIED_KEY = {
  keyPattern: `^(${LABEL}(\\.${LABEL})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`,
};
const LABELS: Schema = {
  type: "map",
  maxProperties: 64,
  ...QUALIFIED_KEY,
  keyExpects: "a label's name, as in `tier` or `example.com/tier`",
  values: {
    type: "string",
    maxLength: 63,
    pattern: "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
    expects: "a label's value: at most 63 letters, digits, `-`, `_` and `.`",
  },
};
const ANNOTATIONS: Schema = {
  type: "map",
  maxProperties: 64,
  ...QUALIFIED_KEY,
  keyExpects: "an annotation's name, as in `example.com/owner`",
  values: { type: "string", maxLength: 65_536 },
};

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
