/**
 * An API server in memory, for lineages by the thousand: it stores, gives uids, and lets the operator's own admission stamp and inject
 * what is made and changed. What the real one does beyond that is tested on it (test/admission, test/cluster-broker).
 */
import type { V1Pod } from "@kubernetes/client-node";
import { ownerFacts } from "#operator/admission/facts/owners.ts";
import {
  type Attributed,
  type AttributionOptions,
  type Made,
  attributionAfter,
  attributionOf,
} from "#operator/admission/origin/attribution.ts";
import type { UserInfo } from "#operator/admission/origin/origin.ts";
import { type OwnerKind, type Registry, stampedKinds } from "#operator/admission/origin/registry.ts";
import { stamp } from "#operator/admission/origin/stamp.ts";
import { endOf } from "#operator/broker/pod-ends.ts";
import { BY_PARENT, parentUidsOf } from "#operator/broker/lineage/children.ts";
import type { Kube } from "#operator/kube/client.ts";
import { type KubeObject, PODS, type Pod, type Resource, objectKey } from "#operator/kube/resource.ts";
import { type Store, openStore } from "#operator/kube/store.ts";
import { injected, SETTINGS } from "#test/pods/surroundings.ts";

type Kind = Pick<Resource, "group" | "version" | "plural" | "kind">;
type Draft = Pick<KubeObject, "metadata"> & { readonly spec?: unknown; readonly status?: unknown };

export interface Api {
  readonly kube: Kube;
  /** As brokers follow pods: behind by as long as they are behind. */
  readonly watched: Store<Pod>;
  get(kind: Kind, key: string): KubeObject | undefined;
  list(kind: Kind): readonly KubeObject[];
  /** Undefined when admission refuses it. */
  create(user: UserInfo, kind: Kind, draft: Draft): Promise<KubeObject | undefined>;
  change(user: UserInfo, kind: Kind, key: string, edit: (object: KubeObject) => Draft): Promise<boolean>;
  /** Past admission, as a kubelet or the garbage collector does. */
  put(kind: Kind, object: KubeObject): void;
  remove(kind: Kind, key: string): void;
  /** Lets brokers hear of everything that they have not heard of yet. */
  deliver(): void;
}

export interface ApiOptions {
  readonly registry: Registry;
  readonly nowMs: () => number;
  readonly enforced: ReadonlySet<string>;
  readonly attributed?: {
    readonly of: typeof attributionOf;
    readonly after: typeof attributionAfter;
  };
}

const never = new AbortController().signal;

export function openApi({ registry, nowMs, enforced, attributed }: ApiOptions): Api {
  const { of = attributionOf, after = attributionAfter } = attributed ?? {};
  const objects = new Map<string, KubeObject>();
  const unheard: (() => void)[] = [];
  let made = 0;
  let versions = 0;
  const watched = openStore<Pod>({
    name: "pods",
    indexes: { [BY_PARENT]: parentUidsOf },
    onError: (error) => {
      throw error;
    },
  });
  const place = ({ plural }: Kind, key: string): string => `${plural} ${key}`;
  const keyOf = ({ metadata: { namespace, name } }: Draft): string => objectKey(namespace, name);
  const get = (kind: Kind, key: string): KubeObject | undefined => objects.get(place(kind, key));

  function put(kind: Kind, given: KubeObject): void {
    versions += 1;
    const object = { ...given, metadata: { ...given.metadata, resourceVersion: String(versions) } };
    objects.set(place(kind, keyOf(object)), object);
    if (kind.plural === "pods") unheard.push(() => watched.set(endOf(object)));
  }

  function remove(kind: Kind, key: string): void {
    objects.delete(place(kind, key));
    if (kind.plural === "pods") unheard.push(() => watched.remove(key));
  }

  function born(kind: Kind, draft: Draft): KubeObject {
    made += 1;
    const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
    const creationTimestamp = new Date(nowMs()).toISOString();
    const metadata = { ...draft.metadata, uid: uidOf(made), creationTimestamp };
    return { apiVersion, kind: kind.kind, ...draft, metadata };
  }

  const kube = kubeOf({ get, put, remove, born, objects });
  const options: AttributionOptions = { registry: () => registry, owners: ownerFacts(kube), nowMs };
  const stampedOf = (plural: string): OwnerKind | undefined =>
    stampedKinds(registry).find((kind) => kind.plural === plural);

  return {
    kube,
    watched,
    get,
    list: ({ plural }) =>
      [...objects].flatMap(([at, object]) => (at.startsWith(`${plural} `) ? [object] : [])),
    async create(user, kind, draft) {
      const { namespace = "" } = draft.metadata;
      const isHeld =
        enforced.has(namespace) && (kind.plural === "pods" || stampedOf(kind.plural) !== undefined);
      const making = {
        group: kind.group,
        plural: kind.plural,
        namespace,
        userInfo: user,
        object: draft as Made,
      };
      const admitted = isHeld ? stampedBy(await of(options, making, never), draft) : draft;
      if (admitted === undefined) return undefined;
      const object = born(kind, kind.plural === "pods" && isHeld ? gated(admitted, namespace) : admitted);
      put(kind, object);
      return object;
    },
    async change(user, kind, key, edit) {
      const oldObject = get(kind, key);
      const stamped = stampedOf(kind.plural);
      if (oldObject === undefined || stamped === undefined) throw new TypeError(`no ${kind.kind} ${key}`);
      const draft = edit(oldObject);
      const { namespace = "" } = draft.metadata;
      const { determining } = stamped;
      const making = { group: kind.group, plural: kind.plural, namespace, userInfo: user };
      const changing = { ...making, object: draft as Made, oldObject: oldObject as Made, determining };
      const admitted = stampedBy(await after(options, changing, never), draft);
      if (admitted === undefined) return false;
      put(kind, { ...oldObject, ...admitted });
      return true;
    },
    put,
    remove,
    deliver() {
      for (const tell of unheard.splice(0)) tell();
    },
  };
}

const UID_DIGITS = 8;

function uidOf(made: number): string {
  return `${made.toString(16).padStart(UID_DIGITS, "0")}-0000-4000-8000-000000000000`;
}

function stampedBy(attributed: Attributed, draft: Draft): Draft | undefined {
  return attributed.outcome === "refused" ? undefined : (stamp(draft as Made, attributed.stamps) as Draft);
}

function gated(draft: Draft, namespace: string): Draft {
  const facts = { namespace, rootless: "force", mayWriteOurKinds: false } as const;
  return injected(
    { apiVersion: "v1", kind: "Pod", ...draft } as unknown as V1Pod,
    facts,
    SETTINGS,
  ) as unknown as Draft;
}

interface Kept {
  readonly get: Api["get"];
  readonly put: Api["put"];
  readonly remove: Api["remove"];
  readonly born: (kind: Kind, draft: Draft) => KubeObject;
  readonly objects: ReadonlyMap<string, KubeObject>;
}

/** What operator and broker ask of one here; whatever else they asked would have no answer. */
function kubeOf({ get, put, remove, born, objects }: Kept): Kube {
  const asked: Partial<Record<keyof Kube, unknown>> = {
    get: async (resource: Resource, key: string) => get(resource, key),
    create: async (resource: Resource, draft: Draft) => {
      const object = born(resource, draft);
      put(resource, object);
      return object;
    },
    update: async (resource: Resource, object: KubeObject) => {
      put(resource, object);
      return object;
    },
    delete: async (resource: Resource, key: string) => {
      const isThere = get(resource, key) !== undefined;
      remove(resource, key);
      return isThere;
    },
    async *pages({ plural }: Resource) {
      const items = [...objects].flatMap(([at, object]) => (at.startsWith(`${plural} `) ? [object] : []));
      yield { items, resourceVersion: "1" };
    },
  };
  return asked as unknown as Kube;
}

/** Ends a pod in the two ways that there are: its containers have, or it is gone. */
export function endPod(api: Api, key: string, how: "succeeded" | "deleted"): void {
  const pod = api.get(PODS, key);
  if (pod === undefined) return;
  if (how === "deleted") api.remove(PODS, key);
  else api.put(PODS, { ...pod, status: { ...(pod as Pod).status, phase: "Succeeded" } } as KubeObject);
}
