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

export function classPlans({ plan, push: whole }: Prepared, note: Note): ClassPlans {
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
      return push;
    },
  };
}
