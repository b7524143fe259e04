/** The plan in force in this worker, and who wants to know when another one is. */
import type { PolicySource } from "#core/api/loaded.ts";
import { compile } from "#core/policy/compile.ts";
import type { ConnectionRef } from "#core/policy/facts.ts";
import type { Plan } from "#core/policy/plan.ts";
import type { ConnectionView, PlanPush } from "#core/port/port.ts";

export interface ActivePlan {
  readonly version: string;
  readonly plan: Plan;
  readonly connections: readonly ConnectionView[];
  readonly policies: readonly PolicySource[];
  connection(ref: ConnectionRef): ConnectionView | undefined;
}

export interface Plans {
  /** Undefined until the broker has sent the first one: nothing is accepted before. */
  readonly current: ActivePlan | undefined;
  accept(push: PlanPush): void;
  /** Called after each change, in the order of subscription; the answer stops it. */
  onChange(listener: (plan: ActivePlan) => void): () => void;
}

export function openPlans(): Plans {
  let current: ActivePlan | undefined;
  const listeners = new Set<(plan: ActivePlan) => void>();
  return {
    get current() {
      return current;
    },
    accept(push) {
      // A reconnect brings the same version again.
      if (push.version === current?.version) return;
      current = activate(push);
      for (const listener of listeners) listener(current);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function activate({ version, connections, policies }: PlanPush): ActivePlan {
  const views = new Map(
    connections.map((view) => [keyOf(view.metadata.namespace ?? "", view.metadata.name), view]),
  );
  return {
    version,
    connections,
    policies,
    plan: compile({ connections, policies }),
    connection: ({ namespace, name }) => views.get(keyOf(namespace, name)),
  };
}

function keyOf(namespace: string, name: string): string {
  return JSON.stringify([namespace, name]);
}
