/** One plan for each class of data planes, made when the first of the class asks for it. */
import type { Identity } from "#core/policy/facts.ts";
import type { PlanPush } from "#core/port/port.ts";
import { type Prepared, keyOf as keyOfConnection, refOf } from "../config.ts";
import { subjectOf } from "../identity/subject.ts";
import type { Note } from "../note.ts";
import { type PlannedFor, planOfClass, podsNamedIn } from "./class-plan.ts";
import type { PodPeer } from "./pods.ts";

export interface ClassPlans {
  /** A data plane of this machine is given everything. */
  planFor(peer: PodPeer | undefined): PlanPush;
  /** What classes have no room for, by the origin of a policy or `namespace/name` of a Connection: to how many of them it is closed. */
  leftOut(): LeftOutOfPlans;
}

export interface LeftOutOfPlans {
  readonly connections: ReadonlyMap<string, number>;
  readonly policies: ReadonlyMap<string, number>;
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
  const closed = { connections: new Map<string, number>(), policies: new Map<string, number>() };
  return {
    planFor(peer) {
      if (peer === undefined) return whole;
      const { identity, above } = classOf(peer, named);
      const key = JSON.stringify([keyOf(identity), above?.map((agent) => keyOf(agent.identity))]);
      const known = plans.get(key);
      if (known !== undefined) return known;
      const { push, bytes, leftOut } = planOfClass(plan, whole, { identity, above });
      if (leftOut.connections.length > 0)
        note("plan.too-large", { subject: subjectOf(identity), bytes, closed: leftOut.connections.length });
      for (const view of leftOut.connections) count(closed.connections, keyOfConnection(refOf(view)));
      for (const origin of new Set(leftOut.policies.map((source) => source.origin)))
        count(closed.policies, origin);
      plans.set(key, push);
      history.add(push);
      return push;
    },
    leftOut: () => closed,
  };
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
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
