/** One plan for each class of data planes, made when the first of the class asks for it. */
import type { PlanPush } from "#core/port/port.ts";
import type { Prepared } from "../config.ts";
import { subjectOf } from "../identity/subject.ts";
import type { Note } from "../note.ts";
import { planOfClass } from "./class-plan.ts";
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
  return {
    planFor(peer) {
      if (peer === undefined) return whole;
      const subject = subjectOf(peer.plannedFor);
      const known = plans.get(subject);
      if (known !== undefined) return known;
      const { push, bytes, isTooLarge } = planOfClass(plan, whole, peer.plannedFor);
      if (isTooLarge) note("plan.too-large", { subject, bytes });
      plans.set(subject, push);
      history.add(push);
      return push;
    },
  };
}
