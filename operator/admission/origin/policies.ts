/**
 * What the API server itself holds authors' stamps to, with our webhooks deleted: two policies that are made here and not in the chart,
 * since they name the controllers that are registered. The chart's own policies hold origins.
 */
import type { Applied } from "../../kube/client.ts";
import type { ValidatingPolicy, ValidatingPolicyBinding } from "../../kube/resource.ts";
import { AUTHOR, LABELS } from "../../names.ts";
import {
  AUTHOR_KEYS,
  changedIn,
  kindOf,
  ownersIn,
  quoted,
  keepersIn,
  makersIn,
  STAMPS,
  TEMPLATE_VARIABLES,
  unboundIn,
} from "./cel.ts";
import { EXTRA } from "./origin.ts";
import { customKinds, type OwnerKind, type Registry, stampedKinds } from "./registry.ts";

export const AUTHOR_POLICIES = ["sallyport-authors", "sallyport-authors-elsewhere"] as const;
export type AuthorPolicyName = (typeof AUTHOR_POLICIES)[number];

export interface AuthorPolicy {
  readonly policy: Applied<ValidatingPolicy>;
  readonly binding: Applied<ValidatingPolicyBinding>;
}

export interface AuthorPolicyOptions {
  readonly registry: Registry;
  /** Where Sallyport runs: nothing is enforced there. */
  readonly systemNamespace: string;
}

export function authorPolicy(name: AuthorPolicyName, options: AuthorPolicyOptions): AuthorPolicy {
  const spec = name === "sallyport-authors" ? authors(options) : elsewhere(options);
  return {
    policy: { metadata: { name }, spec: { failurePolicy: "Fail", ...spec } },
    binding: { metadata: { name }, spec: { policyName: name, validationActions: ["Deny"] } },
  };
}

type Spec = Omit<NonNullable<ValidatingPolicy["spec"]>, "failurePolicy">;
type Rules = NonNullable<NonNullable<Spec["matchConstraints"]>["resourceRules"]>;

function authors({ registry, systemNamespace }: AuthorPolicyOptions): Spec {
  return {
    matchConstraints: {
      namespaceSelector: {
        matchExpressions: [
          { key: LABELS.enforce, operator: "Exists" },
          { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system", systemNamespace] },
        ],
      },
      resourceRules: stampedRules(registry, ["CREATE", "UPDATE"]),
    },
    variables: authorVariables(registry),
    validations: authorValidations(registry),
  };
}

function authorVariables(registry: Registry): NonNullable<Spec["variables"]> {
  const custom = customKinds(registry);
  return [
    { name: "annotations", expression: "object.metadata.?annotations.orValue({})" },
    {
      name: "before",
      expression: "request.operation == 'UPDATE' ? oldObject.metadata.?annotations.orValue({}) : {}",
    },
    { name: "makers", expression: makersIn(registry, "kind") },
    { name: "owns", expression: "variables.makers[?request.userInfo.username].orValue([])" },
    { name: "isController", expression: "request.userInfo.username in variables.makers" },
    {
      name: "isKeeper",
      expression: `request.userInfo.username in ${quoted(keepersIn(registry))} || (request.resource.resource + '.' + request.resource.group) in ${makersIn(registry, "plural")}[?request.userInfo.username].orValue([])`,
    },
    { name: "owners", expression: ownersIn("object") },
    { name: "isOwned", expression: `variables.owners.exists(owner, ${kindOf("owner")} in variables.owns)` },
    {
      name: "isCustom",
      expression: `request.resource.resource + '.' + request.resource.group in ${quoted(custom.map(({ plural, group }) => `${plural}.${group}`))}`,
    },
    ...TEMPLATE_VARIABLES,
    { name: "isChanged", expression: `request.operation == 'UPDATE' && (${changedIn(custom)})` },
    { name: "extra", expression: "request.userInfo.?extra.orValue({})" },
    { name: "stamps", expression: STAMPS },
    {
      name: "isByRequester",
      expression: "variables.stamps.all(stamp, variables.annotations[?stamp[0]].orValue('') == stamp[1])",
    },
  ];
}

function authorValidations(registry: Registry): NonNullable<Spec["validations"]> {
  return [
    {
      expression: `variables.isController || ${AUTHOR_KEYS}.all(key, variables.annotations[?key] == variables.before[?key]) || variables.isChanged && ${AUTHOR_KEYS}.all(key, !(key in variables.annotations))`,
      message:
        "metadata.annotations: those below sallyport.dev/author- say whose it is that a controller made, and are written for registered controllers alone. Fix: leave them alone.",
      reason: "Forbidden",
    },
    {
      expression: `!variables.isController || request.operation != 'CREATE' || '${AUTHOR.from}' in variables.annotations`,
      message:
        "metadata.annotations: a controller makes nothing without it being said whose it is. Fix: let the webhook of Sallyport write it; when it does not, look at the deployment sallyport-operator.",
    },
    {
      expression: `variables.annotations[?'${AUTHOR.from}'] == variables.before[?'${AUTHOR.from}'] || variables.annotations[?'${AUTHOR.from}'].orValue('Nobody') == 'Nobody' || variables.isOwned`,
      message:
        "metadata.ownerReferences: this controller is not registered for the kind of the owner. Fix: register it by a WorkloadController.",
    },
    {
      expression: `!(request.operation == 'CREATE' || variables.isChanged) || !request.userInfo.username.startsWith('system:serviceaccount:') || '${EXTRA.podUid}' in variables.extra || request.userInfo.username in ${quoted(unboundIn(registry))}`,
      message:
        "who asks has a service account's token that is bound to no pod, so that it cannot be told whose hands it is in. Fix: ask with the token that the pod is given, or register a WorkloadController with unboundTokens: Accepted.",
      reason: "Forbidden",
    },
    {
      expression: "!variables.isChanged || variables.isByRequester || variables.isKeeper",
      message:
        "metadata.annotations: whoever changes what pods are made from answers for it. Fix: let the webhook of Sallyport write it; when it does not, look at the deployment sallyport-operator.",
    },
    {
      expression: `request.operation != 'UPDATE' || !(variables.isCustom || request.resource.resource == 'pods') || variables.isController || variables.owners.all(owner, ${ownersIn("oldObject")}.exists(old, old.uid == owner.uid))`,
      message:
        "metadata.ownerReferences: whose it is, is found by its owner, which a registered controller alone gives it. Fix: leave it alone.",
      reason: "Forbidden",
    },
    {
      expression: `!variables.isCustom || variables.stamps.all(stamp, variables.annotations[?stamp[0]] == variables.before[?stamp[0]]) && request.operation == 'UPDATE' || (request.operation == 'CREATE' || variables.isChanged) && variables.isByRequester`,
      message:
        "metadata.annotations: those below sallyport.dev/origin- say who made it. Fix: leave them out and let the webhook of Sallyport write them.",
    },
  ];
}

/** Nobody brings stamps along from where we do not write them: an object that is there when its namespace gets the label keeps what it has. */
function elsewhere({ registry }: AuthorPolicyOptions): Spec {
  const isStamp = "(key.startsWith('sallyport.dev/origin-') || key.startsWith('sallyport.dev/author-'))";
  return {
    matchConstraints: {
      namespaceSelector: { matchExpressions: [{ key: LABELS.enforce, operator: "DoesNotExist" }] },
      resourceRules: [
        { ...PODS_MADE, operations: ["CREATE"] },
        ...rulesOf(customKinds(registry), ["CREATE", "UPDATE"]),
      ],
    },
    matchConditions: [
      {
        name: "with-a-stamp",
        expression: `object.metadata.?annotations.orValue({}).exists(key, ${isStamp})`,
      },
    ],
    validations: [
      {
        expression: `object.metadata.annotations.all(key, !${isStamp} || request.operation == 'UPDATE' && object.metadata.annotations[?key] == oldObject.metadata.?annotations[?key])`,
        message:
          "metadata.annotations: those that say who made an object are Sallyport's to write. Fix: leave them out.",
        reason: "Forbidden",
      },
    ],
  };
}

const PODS_MADE = { apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], scope: "Namespaced" };

function stampedRules(registry: Registry, operations: string[]): Rules {
  return [{ ...PODS_MADE, operations }, ...rulesOf(stampedKinds(registry), operations)];
}

/** Of some kinds the status carries the annotations too. */
function rulesOf(kinds: readonly OwnerKind[], operations: string[]): Rules {
  return kinds.map(({ group, version, plural }) => ({
    apiGroups: [group],
    apiVersions: [version],
    operations,
    resources: [plural, `${plural}/status`],
    scope: "Namespaced",
  }));
}
