/**
 * The lineage of a pod as it is at this moment: every pod and every owner on the way up is asked for, and has to be the very one that
 * the one below it names. No watch is in that way.
 */
import { type Agent, type Lineage, type Maker, climb } from "#broker/lineage/lineage.ts";
import type { Ancestor } from "#core/policy/facts.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { CONTAINERS, LABELS } from "#operator/names.ts";
import { authorOf } from "../../admission/origin/author.ts";
import { type Registry, stampedKinds } from "../../admission/origin/registry.ts";
import type { Call, Kube } from "../../kube/client.ts";
import {
  type KubeObject,
  type Namespace,
  NAMESPACES,
  type OwnerReference,
  PODS,
  type Pod,
  type Resource,
  objectKey,
} from "../../kube/resource.ts";
import type { LastAbove, Read } from "./ahead.ts";
import type { Siblings } from "./children.ts";
import { type MakerFacts, makerIn, unknown } from "./maker.ts";
import type { RootSetting } from "./roots.ts";

export interface LineageSource {
  readonly kube: Pick<Kube, "get">;
  readonly registry: () => Registry;
  readonly roots: readonly RootSetting[];
  readonly limits: LineageLimits;
  readonly siblings: Pick<Siblings, "olderThan">;
  readonly last: LastAbove;
  /** What was put on record of pods that are gone by now. */
  readonly onRecord: (uid: string, call: Call) => Promise<readonly Ancestor[] | undefined>;
}

export interface LineageLimits {
  /** Agents above a pod. */
  readonly depthMax: number;
  /** Children of one agent that live at a time. */
  readonly childrenMax: number;
}

/** A Sandbox of a SandboxClaim of somebody's is three; nobody has ever built ten. */
const OWNERS_MAX = 8;

/** `around`: the pod's own namespace, which has been asked for already; `read` may have begun before. Rejects when the API server cannot be asked. */
export async function liveLineage(
  pod: Pod,
  around: Namespace,
  source: LineageSource,
  call: Call,
  read: Read = readingAbove(pod.metadata.uid ?? "", source, call),
): Promise<Lineage | Refusal> {
  const seen = new Map([[around.metadata.name, Promise.resolve<Namespace | undefined>(around)]]);
  const facts: MakerFacts = {
    registry: source.registry(),
    roots: source.roots,
    isAgent: (agent) => isAgent(agent, seen, source, call),
  };
  // One that can change hands makes everybody below it somebody else's, too.
  let isAdoptable = isLookedUpLater(pod, facts.registry);
  const kin = {
    makerOf: async (agent: Agent): Promise<Maker | undefined> => {
      const parent = isLive(agent, await read(agent));
      if (parent !== undefined) isAdoptable ||= isLookedUpLater(parent, facts.registry);
      return parent && makerOf(parent, facts, source, call);
    },
    onRecord: ({ pod: { uid } }: Agent) => source.onRecord(uid, call),
  };
  const first = await makerOf(pod, facts, source, call);
  const climbed = await climb(first, kin, source.limits.depthMax);
  if (isRefusal(climbed)) return climbed;
  source.last.note(pod.metadata.uid ?? "", climbed.ancestors);
  return tooManySiblings(pod, first, source) ?? { ...climbed, isAdoptable };
}

/** Those that came first keep what they have; whoever launches without end gains nothing by it. */
function tooManySiblings(
  pod: Pod,
  maker: Maker,
  { siblings, limits: { childrenMax } }: LineageSource,
): Refusal | undefined {
  if (maker.kind !== "agent") return undefined;
  const { name, uid } = maker.agent.pod;
  if (siblings.olderThan(pod, uid) < childrenMax) return undefined;
  return refusal(
    "LINEAGE_LIMIT",
    `agent ${name} above this pod has more than ${childrenMax} children that live`,
  );
}

const ALIVE: readonly unknown[] = ["Pending", "Running"];

/** Begins to ask for whoever was above the pod the last time. */
export function readingAbove(uid: string, { kube, last }: LineageSource, call: Call): Read {
  return last.reading(uid, ({ pod }) => kube.get(PODS, objectKey(pod.namespace, pod.name), call));
}

function isLive({ pod }: Agent, found: Pod | undefined): Pod | undefined {
  const isIt = found?.metadata.uid === pod.uid && found.metadata.deletionTimestamp === undefined;
  return isIt && ALIVE.includes(found.status?.phase) ? found : undefined;
}

/**
 * Held to policy is whoever runs in an enforced namespace; and who was once known to the broker or has a gateway stays an agent when
 * somebody takes the label away, or its children would be rid of it.
 */
async function isAgent(
  { pod: { namespace, name, uid } }: Agent,
  seen: Map<string, Promise<Namespace | undefined>>,
  { kube, onRecord }: LineageSource,
  call: Call,
): Promise<boolean> {
  const asked = seen.get(namespace) ?? kube.get(NAMESPACES, namespace, call);
  seen.set(namespace, asked);
  if ((await asked)?.metadata.labels?.[LABELS.enforce] !== undefined) return true;
  const [pod, record] = await Promise.all([
    kube.get(PODS, objectKey(namespace, name), call),
    onRecord(uid, call),
  ]);
  if (record !== undefined) return true;
  return (
    pod?.metadata.uid === uid &&
    pod.spec?.initContainers?.some((container) => container.name === CONTAINERS.gateway) === true
  );
}

async function makerOf(pod: Pod, facts: MakerFacts, source: LineageSource, call: Call): Promise<Maker> {
  const { registry } = facts;
  let object: KubeObject = pod;
  for (let owners = 0; owners <= OWNERS_MAX; owners += 1) {
    const authorship = authorOf(object, registry);
    if (authorship.found === "author") return makerIn(authorship.author, facts);
    if (authorship.found === "nobody") return unknown(WHY[authorship.why]);
    const owner = await liveOwner(object, registry, source, call);
    if (typeof owner === "string") return unknown(owner);
    object = owner;
  }
  return unknown(`more than ${OWNERS_MAX} owners stand above it`);
}

const WHY = {
  unstamped: "it was made before its namespace was labelled, or past admission",
  controller: "a controller made it for nobody who is known",
} as const;

/** In words, where there is none that counts. */
async function liveOwner(
  { metadata: { namespace, ownerReferences = [] } }: KubeObject,
  registry: Registry,
  { kube }: LineageSource,
  call: Call,
): Promise<KubeObject | string> {
  const reference = ownerReferences.find(({ controller }) => controller === true);
  if (reference === undefined) return "nobody has claimed it";
  const resource = resourceOf(reference, registry);
  if (resource === undefined)
    return `its owner is a ${reference.kind}, for which no controller is registered`;
  if (resource.isPool) return "it is in a pool, and nobody has claimed it";
  const owner = await kube.get(resource, objectKey(namespace, reference.name), call);
  if (owner?.metadata.uid !== reference.uid || owner.metadata.deletionTimestamp !== undefined)
    return `its ${reference.kind} is gone`;
  return owner;
}

function resourceOf(
  { apiVersion, kind }: OwnerReference,
  registry: Registry,
): (Resource & { readonly isPool: boolean }) | undefined {
  const slash = apiVersion.indexOf("/");
  const group = slash < 0 ? "" : apiVersion.slice(0, slash);
  const found = stampedKinds(registry).find((each) => each.group === group && each.kind === kind);
  return found && { ...found, namespaced: true };
}

function isLookedUpLater(pod: Pod, registry: Registry): boolean {
  return authorOf(pod, registry).found === "later";
}
