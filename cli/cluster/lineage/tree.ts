/** Who launched whom, as trees: out of pods as they are, and what admission has written on them. */
import { CONTAINERS } from "#operator/names.ts";
import { type Author, authorOf } from "#operator/admission/origin/author.ts";
import { registryOf } from "#operator/admission/origin/registry.ts";
import type { Pod } from "#operator/kube/resource.ts";

export interface Member {
  /** `namespace/name`; of somebody who is no pod, what they are. */
  readonly name: string;
  readonly uid?: string;
  readonly account?: string;
  /** `Running`, or what became of it. */
  readonly state?: string;
  /** What a controller made it from: `Job summarise`. */
  readonly by?: string;
  /** Nearest to them in time first. */
  readonly children: readonly Member[];
}

const NOBODY = "nobody who is known";
const LATER = "a pool: whose they are is looked up at each session";
/** Controllers write on whatever they make that they made it, so those that are registered need not be known here. */
const BUILT_IN = registryOf([]);

interface Draft extends Omit<Member, "children"> {
  readonly key: string;
  readonly parent: string | undefined;
  readonly atText: string;
}

/** Of all pods that a gateway stands beside, with whoever is above them. */
export function familiesOf(pods: readonly Pod[]): readonly Member[] {
  const drafts = new Map<string, Draft>();
  for (const pod of pods) if (hasGateway(pod)) drafts.set(pod.metadata.uid ?? "", draftOf(pod));
  const others = new Map(pods.map((pod) => [pod.metadata.uid ?? "", pod]));
  for (const pod of pods) {
    if (!hasGateway(pod)) continue;
    for (const above of aboveOf(pod, others)) if (!drafts.has(above.key)) drafts.set(above.key, above);
  }
  return membersUnder(undefined, [...drafts.values()].toSorted(byTime));
}

/** The branches on which somebody of that name is, without what leads elsewhere. */
export function branchesOf(families: readonly Member[], name: string): readonly Member[] {
  return families.flatMap((member): readonly Member[] => {
    if (member.name === name) return [member];
    const children = branchesOf(member.children, name);
    return children.length === 0 ? [] : [{ ...member, children }];
  });
}

function draftOf(pod: Pod): Draft {
  const { metadata, spec, status } = pod;
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  const isEnding = metadata.deletionTimestamp !== undefined;
  const { key } = makerOf(pod);
  return {
    key: metadata.uid ?? "",
    parent: key,
    atText: metadata.creationTimestamp ?? "",
    name: `${metadata.namespace}/${metadata.name}`,
    uid: metadata.uid ?? "",
    account: spec?.serviceAccountName ?? "default",
    state: isEnding ? "Terminating" : (status?.phase ?? "Unknown"),
    ...(owner === undefined ? {} : { by: `${owner.kind} ${owner.name}` }),
  };
}

/** Whoever is above and has no gateway of its own, or is not there any more. */
function aboveOf(pod: Pod, others: ReadonlyMap<string, Pod>): readonly Draft[] {
  const { key, name, author } = makerOf(pod);
  const found = author?.pod === undefined ? undefined : others.get(author.pod.uid);
  if (author?.pod === undefined) return [{ key, parent: undefined, atText: "", name }];
  if (found !== undefined && hasGateway(found)) return [];
  const account = author.user.split(":").at(-1) ?? "";
  const state = found === undefined ? "not there" : "no agent";
  return [{ key, parent: undefined, atText: "", name, uid: author.pod.uid, account, state }];
}

function makerOf(pod: Pod): { readonly key: string; readonly name: string; readonly author?: Author } {
  const authorship = authorOf(pod, BUILT_IN);
  if (authorship.found === "later") return { key: LATER, name: LATER };
  if (authorship.found === "nobody") return { key: NOBODY, name: NOBODY };
  const { author } = authorship;
  if (author.pod === undefined) return { key: `user ${author.user}`, name: `user ${author.user}`, author };
  const [, , namespace = ""] = author.user.split(":");
  return { key: author.pod.uid, name: `${namespace}/${author.pod.name}`, author };
}

function membersUnder(parent: string | undefined, drafts: readonly Draft[]): readonly Member[] {
  return drafts
    .filter((draft) => draft.parent === parent)
    .map(({ key, parent: _parent, atText: _atText, ...member }) => ({
      ...member,
      children: membersUnder(key, drafts),
    }));
}

function byTime(one: Draft, other: Draft): number {
  if (one.atText !== other.atText) return one.atText < other.atText ? -1 : 1;
  return one.name < other.name ? -1 : Number(one.name > other.name);
}

function hasGateway({ spec }: Pod): boolean {
  return spec?.initContainers?.some(({ name }) => name === CONTAINERS.gateway) === true;
}
