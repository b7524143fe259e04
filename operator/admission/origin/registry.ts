/**
 * Controllers: who makes objects for others, and for which kinds of owners. What they make is not theirs but its owner's author's. The
 * API server's own are built in; others are registered by a WorkloadController.
 */
import type { OwnerReference } from "../../kube/resource.ts";

/** A kind whose objects a controller makes others from. */
export interface OwnerKind {
  readonly group: string;
  /** As it is asked for. */
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  /** Where in an object it says what is made from it: whoever changes that becomes its author. */
  readonly determining: readonly FieldPath[];
  /** Its objects make others for whoever claims them later: what they own belongs to nobody until then. */
  readonly isPool: boolean;
}

export type FieldPath = readonly string[];

/** When it is looked up whose a pod is. `AtExchange`: at each exchange anew, since pods are made before it is known who gets them. */
export type PodsAttributed = "AtCreation" | "AtExchange";

export interface Controller {
  /** As the API server calls its account. */
  readonly user: string;
  readonly owns: readonly OwnerKind[];
  readonly pods: PodsAttributed;
  /** What it changes of others' stays theirs. */
  readonly keepsAuthors: boolean;
  /** It may make workloads with a token that is bound to no pod. */
  readonly mayBeUnbound: boolean;
}

/** By user. */
export type Registry = ReadonlyMap<string, Controller>;

const TEMPLATE: readonly FieldPath[] = [["spec", "template"]];

const builtIn = (
  group: string,
  kind: string,
  plural: string,
  determining: readonly FieldPath[] = TEMPLATE,
): OwnerKind => ({ group, version: "v1", plural, kind, determining, isPool: false });

/** Every built-in kind that makes pods. Each is stamped. */
export const BUILT_IN_KINDS = {
  ReplicationController: builtIn("", "ReplicationController", "replicationcontrollers"),
  DaemonSet: builtIn("apps", "DaemonSet", "daemonsets"),
  Deployment: builtIn("apps", "Deployment", "deployments"),
  ReplicaSet: builtIn("apps", "ReplicaSet", "replicasets"),
  StatefulSet: builtIn("apps", "StatefulSet", "statefulsets"),
  CronJob: builtIn("batch", "CronJob", "cronjobs", [["spec", "jobTemplate"]]),
  Job: builtIn("batch", "Job", "jobs"),
} as const satisfies Record<string, OwnerKind>;

/** By the names of the kube-controller-manager's accounts, each for its own kind alone. */
const CONTROLLER_OF = {
  ReplicationController: "replication-controller",
  DaemonSet: "daemon-set-controller",
  Deployment: "deployment-controller",
  ReplicaSet: "replicaset-controller",
  StatefulSet: "statefulset-controller",
  CronJob: "cronjob-controller",
  Job: "job-controller",
} as const satisfies Record<keyof typeof BUILT_IN_KINDS, string>;

/** What the kube-controller-manager is when its controllers have no accounts of their own. */
const CONTROLLER_MANAGER = "system:kube-controller-manager";

export const BUILT_IN_CONTROLLERS: readonly Controller[] = [
  ...Object.entries(CONTROLLER_OF).map(([kind, account]) =>
    controller(accountName("kube-system", account), [BUILT_IN_KINDS[kind as keyof typeof CONTROLLER_OF]]),
  ),
  controller(CONTROLLER_MANAGER, Object.values(BUILT_IN_KINDS)),
];

function controller(user: string, owns: readonly OwnerKind[]): Controller {
  return { user, owns, pods: "AtCreation", keepsAuthors: false, mayBeUnbound: true };
}

export function accountName(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

/** The built-in ones and these. An account that is registered twice has what either says; for its pods, the stricter. */
export function registryOf(registered: Iterable<Controller>): Registry {
  const registry = new Map<string, Controller>();
  for (const each of [...BUILT_IN_CONTROLLERS, ...registered]) {
    const before = registry.get(each.user);
    registry.set(each.user, before === undefined ? each : merged(before, each));
  }
  return registry;
}

function merged(one: Controller, other: Controller): Controller {
  return {
    user: one.user,
    owns: [...one.owns, ...other.owns],
    pods: one.pods === "AtExchange" ? one.pods : other.pods,
    keepsAuthors: one.keepsAuthors || other.keepsAuthors,
    mayBeUnbound: one.mayBeUnbound || other.mayBeUnbound,
  };
}

/** Such an account makes things for others, and is nobody's author. */
export const isMaker = (controller: Controller | undefined): controller is Controller =>
  controller !== undefined && controller.owns.length > 0;

/** What it changes of such a kind stays whose it was. */
export const isKeeper = (
  { owns, keepsAuthors }: Controller,
  { group, plural }: Pick<OwnerKind, "group" | "plural">,
): boolean => keepsAuthors || owns.some((kind) => kind.group === group && kind.plural === plural);

/** Undefined: it makes nothing from what is referred to, and its word about an owner says nothing. */
export function ownerKindOf(
  { owns }: Controller,
  { apiVersion, kind }: Pick<OwnerReference, "apiVersion" | "kind">,
): OwnerKind | undefined {
  const slash = apiVersion.indexOf("/");
  const group = slash < 0 ? "" : apiVersion.slice(0, slash);
  return owns.find((each) => each.group === group && each.kind === kind);
}

/** Where StatefulSets and DaemonSets keep their templates. Its data never change. */
const CONTROLLER_REVISION = builtIn("apps", "ControllerRevision", "controllerrevisions", []);

const BUILT_IN_NAMES: ReadonlySet<string> = new Set(
  [...Object.values(BUILT_IN_KINDS), CONTROLLER_REVISION].map(nameOf),
);

function nameOf({ plural, group }: Pick<OwnerKind, "group" | "plural">): string {
  return `${plural}.${group}`;
}

export const isBuiltIn = (kind: Pick<OwnerKind, "group" | "plural">): boolean =>
  BUILT_IN_NAMES.has(nameOf(kind));

/** Those that are stamped since they are registered. */
export const customKinds = (registry: Registry): readonly OwnerKind[] =>
  stampedKinds(registry).filter((kind) => !isBuiltIn(kind));

/** Every kind that is stamped, built-in ones first. */
export function stampedKinds(registry: Registry): readonly OwnerKind[] {
  const kinds = [
    ...Object.values(BUILT_IN_KINDS),
    CONTROLLER_REVISION,
    ...[...registry.values()].flatMap(({ owns }) => owns),
  ];
  const byResource = new Map<string, OwnerKind>();
  for (const kind of kinds) {
    const key = nameOf(kind);
    if (!byResource.has(key)) byResource.set(key, kind);
  }
  return [...byResource.values()];
}
