/** One plan for each class of data planes, made when the first of the class asks for it. */
import type { Identity } from "#core/policy/facts.ts";
import type { PlanPush } from "#core/port/port.ts";
import type { Prepared } from "../config.ts";
import { subjectOf } from "../identity/subject.ts";
import type { Note } from "../note.ts";
import { type PlannedFor, planOfClass, podsNamedIn } from "./class-plan.ts";
import type { PodPeer } from "./pods.ts";

export interface ClassPlans {
  /** A data plane of this machine is given everything. */
  planFor(peer: PodPeer | undefined): PlanPush;
}

/** Plans that were handed out, so that it can be told what a gateway applies that is not at the newest yet. */
export class PlanHistory {
  readonly #plans = new Map<string, PlanPush>();

  add(plan: PlanPush): void {
    this.#plans.delete(plan.version);
    this.#plans.set(plan.version, plan);
    const [oldest] = this.#plans.keys();
    if (this.#plans.size > PLANS_KEPT && oldest !== undefined) this.#plans.delete(oldest);
  }

  of(version: string | undefined): PlanPush | undefined {
    return version === undefined ? undefined : this.#plans.get(version);
  }
}

const PLANS_KEPT = 1_024;

export function classPlans(
  { plan, push: whole }: Prepared,
  { note, history }: { readonly note: Note; readonly history: PlanHistory },
): ClassPlans {
  history.add(whole);
  const plans = new Map<string, PlanPush>();
  const named = podsNamedIn(plan);
  return {
    planFor(peer) {
      if (peer === undefined) return whole;
      const { identity, above } = classOf(peer, named);
      const key = JSON.stringify([keyOf(identity), above?.map((agent) => keyOf(agent.identity))]);
      const known = plans.get(key);
      if (known !== undefined) return known;
      const { push, bytes, isTooLarge } = planOfClass(plan, whole, { identity, above });
      if (isTooLarge) note("plan.too-large", { subject: subjectOf(identity), bytes });
      plans.set(key, push);
      history.add(push);
      return push;
    },
  };
}

/** Pods that no policy names are told apart by nothing but their service accounts, and so are those above them. */
function classOf({ plannedFor, pod, uid, ancestors }: PodPeer, named: ReadonlySet<string>): PlannedFor {
  const above = ancestors
    ?.filter(({ kind }) => kind === "agent")
    .map(({ kind, identity }) => ({ kind, identity: namedOnly(identity, named) }));
  return { identity: namedOnly({ ...plannedFor, pod: { ...pod, uid } }, named), above };
}

function namedOnly({ pod, ...identity }: Identity, named: ReadonlySet<string>): Identity {
  return pod === undefined || !named.has(pod.uid) ? identity : { ...identity, pod };
}

function keyOf(identity: Identity): readonly unknown[] {
  return [subjectOf(identity), identity.pod?.uid];
}
