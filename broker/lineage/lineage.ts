/**
 * Who is above a pod. Each pod names one maker, which admission has put on record; that one is a pod too, and has a maker of its own,
 * and so on up to a person, a pipeline or a controller. Nothing here knows how a cluster says so.
 */
import { canonicalJson } from "#core/policy/hash.ts";
import type { Ancestor, Identity, PodRef } from "#core/policy/facts.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";

export type Agent = Identity & Required<Pick<Identity, "serviceAccount" | "pod">>;

export interface Lineage {
  /** Nearest first. What is above one that has ended is there as far as it is on record. */
  readonly ancestors: readonly Ancestor[];
  /** The nearest agent above that lives no more: from then on nothing is granted below it. */
  readonly ended: PodRef | undefined;
  /** Whose it is can change while it lives, as with pods that are made before it is known who gets them. */
  readonly isAdoptable: boolean;
}

export type Maker =
  | { readonly kind: "agent"; readonly agent: Agent }
  | { readonly kind: "root"; readonly root: Ancestor }
  /** `why`: for people who keep the cluster. */
  | { readonly kind: "unknown"; readonly why: string };

/** What has to be asked of a cluster on the way up. */
export interface Kin {
  /** Who made the pod, as it is told at this moment; undefined when it has ended. */
  makerOf(agent: Agent): Promise<Maker | undefined>;
  /** Who was above it, from the time when it lived; undefined when nobody knows. */
  onRecord(agent: Agent): Promise<readonly Ancestor[] | undefined>;
}

/** `generations`: agents above a pod. */
export const GENERATIONS_MAX = 8;

/** Up from whoever made the pod. */
export async function climb(
  first: Maker,
  kin: Kin,
  generationsMax: number = GENERATIONS_MAX,
): Promise<Pick<Lineage, "ancestors" | "ended"> | Refusal> {
  const ancestors: Ancestor[] = [];
  let maker = first;
  while (maker.kind === "agent") {
    const { agent } = maker;
    // Also what ends a circle, which no cluster that is asked for uids can have.
    if (ancestors.length >= generationsMax) return tooDeep(generationsMax);
    ancestors.push({ kind: "agent", identity: agent });
    const next = await kin.makerOf(agent);
    if (next === undefined) {
      const above = (await kin.onRecord(agent)) ?? [];
      return { ancestors: [...ancestors, ...above], ended: agent.pod };
    }
    maker = next;
  }
  if (maker.kind === "unknown") return unknownMaker(maker.why, ancestors.at(-1));
  return { ancestors: [...ancestors, maker.root], ended: undefined };
}

export function unknownMaker(why: string, below?: Ancestor): Refusal {
  const whose = below?.identity.pod === undefined ? "this pod" : `pod ${below.identity.pod.name} above it`;
  return refusal("LINEAGE_UNKNOWN", `it cannot be told who launched ${whose}: ${why}`);
}

function tooDeep(generationsMax: number): Refusal {
  return refusal("LINEAGE_LIMIT", `there are more than ${generationsMax} agents above this pod`);
}

/**
 * Whether it is still the lineage that a session began with. One that broke off at an agent that has ended says nothing of what was
 * above that one, and what is known of it stays.
 */
export function isStill(before: readonly Ancestor[], { ancestors, ended }: Lineage): boolean {
  const upTo = ended === undefined ? undefined : agentsUpTo(ancestors, ended);
  if (upTo === undefined) return sameText(before, ancestors);
  return sameText(before.slice(0, upTo), ancestors.slice(0, upTo));
}

function agentsUpTo(ancestors: readonly Ancestor[], { uid }: PodRef): number {
  return ancestors.findIndex(({ identity }) => identity.pod?.uid === uid) + 1;
}

function sameText(one: readonly Ancestor[], other: readonly Ancestor[]): boolean {
  return canonicalJson(one) === canonicalJson(other);
}

/** The pods above, nearest first, whose ends and revocations reach whoever has them above it. */
export function agentsAbove(ancestors: readonly Ancestor[]): readonly PodRef[] {
  return ancestors.flatMap(({ kind, identity: { pod } }) =>
    kind === "agent" && pod !== undefined ? [pod] : [],
  );
}
