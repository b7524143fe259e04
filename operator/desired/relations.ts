/** Which policies speak of which Connections, as far as people want to be told: a few names and a count. */
import { selectsConnection } from "#core/policy/connection-selector.ts";
import type { BrokenPolicy, CompiledPolicy, ConnectionPlan, Plan } from "#core/policy/plan.ts";
import { sayPolicy } from "#core/policy/words.ts";
import { type ObjectKey, objectKey } from "../kube/resource.ts";

export interface Names {
  readonly count: number;
  readonly first: readonly string[];
}

export interface Relations {
  /** By uid of the policy. */
  readonly selects: ReadonlyMap<string, Names>;
  /** By key of the Connection. */
  readonly selectedBy: ReadonlyMap<ObjectKey, Names>;
  readonly closedBy: ReadonlyMap<ObjectKey, Names>;
}

const NAMES_TOLD_MAX = 5;
const NONE: Names = { count: 0, first: [] };

export function relationsOf(plan: Plan): Relations {
  const selects = new Map<string, Names>();
  const selectedBy = new Map<ObjectKey, Names>();
  const closedBy = new Map<ObjectKey, Names>();
  const here = policiesByNamespace(plan.policies);
  for (const connection of connectionsOf(plan)) {
    const key = objectKey(connection.namespace, connection.name);
    for (const policy of [...(here.get(undefined) ?? []), ...(here.get(connection.namespace) ?? [])]) {
      if (!selectsConnection(policy.connections, connection)) continue;
      add(selects, policy.origin, key);
      add(selectedBy, key, sayPolicy(policy.id));
    }
    for (const broken of connection.brokenBy) {
      add(selects, broken.origin, key);
      add(closedBy, key, sayBroken(broken));
    }
  }
  return { selects, selectedBy, closedBy };
}

/** `3 Connections: prod/a, prod/b, prod/c`; of many the first few. */
export function sayNames(what: string, plural: string, { count, first }: Names = NONE): string {
  const rest = count - first.length;
  return `${count} ${count === 1 ? what : plural}: ${first.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

/** Guardrails, which may speak of any namespace, are under `undefined`. */
function policiesByNamespace(
  policies: readonly CompiledPolicy[],
): ReadonlyMap<string | undefined, readonly CompiledPolicy[]> {
  return Map.groupBy(policies, (policy) => policy.id.namespace);
}

/** In order of name, so that what is told does not change by itself. */
function connectionsOf({ connections }: Plan): readonly ConnectionPlan[] {
  const all = [...connections.values()].flatMap((siblings) => [...siblings.values()]);
  return all.sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
}

function sayBroken({ id, origin }: BrokenPolicy): string {
  return id === undefined ? `the object with uid ${origin}` : sayPolicy(id);
}

function add(names: Map<string, Names>, key: string, name: string): void {
  const { count, first } = names.get(key) ?? NONE;
  names.set(key, { count: count + 1, first: first.length < NAMES_TOLD_MAX ? [...first, name] : first });
}
