/** Policies and connections to a plan. Never throws on a policy: one that cannot be used closes what it selects. */
import type { PolicySource } from "#core/api/loaded.ts";
import type { Connection } from "#core/api/kinds.gen.ts";
import { type Compiled, compilePolicy } from "./compile-policy.ts";
import { compareTexts } from "./compile-rules.ts";
import {
  DEFAULT_NAMESPACE,
  type SelectableConnection,
  selectorOfReach,
  selectsConnection,
  selectsEveryConnection,
} from "./connection-selector.ts";
import type { BrokenPolicy, CompiledPolicy, ConnectionPlan, Plan } from "./plan.ts";
import { type SubjectIndex, indexSubjects } from "./subject-index.ts";

/** What policy needs of a Connection: a data plane knows no more of one than this and where it is. */
export type PlannedConnection = Pick<Connection, "metadata"> & {
  readonly spec: Pick<Connection["spec"], "protocol">;
};

export interface Sources {
  readonly connections: readonly PlannedConnection[];
  readonly policies: readonly PolicySource[];
}

export type GoodSource = Extract<PolicySource, { readonly state: "good" }>;

/** One that was read well may still not compile. */
export function compileSource({ policy, origin, stale }: GoodSource): Compiled {
  return compilePolicy(policy, origin, stale);
}

/** `compileOne`: whoever compiles again and again may remember what did not change. */
export function compile(
  sources: Sources,
  compileOne: (source: GoodSource) => Compiled = compileSource,
): Plan {
  const good: Omit<CompiledPolicy, "order">[] = [];
  const broken: BrokenPolicy[] = [];
  for (const source of sources.policies) {
    if (source.state === "broken") {
      broken.push(ofBrokenSource(source));
      continue;
    }
    const compiled = compileOne(source);
    if (compiled.good) good.push(compiled.policy);
    else broken.push(compiled.broken);
  }
  const policies = good.toSorted(inAskingOrder).map((policy, order) => ({ order, ...policy }));
  broken.sort((a, b) => compareTexts(sortKey(a), sortKey(b)));
  return Object.freeze({
    policies,
    broken,
    connections: planConnections(sources.connections, policies, broken),
  });
}

function ofBrokenSource(source: PolicySource & { readonly state: "broken" }): BrokenPolicy {
  return {
    origin: source.origin,
    id: source.id,
    closes: selectorOfReach(source.reach),
    problems: source.diagnostics.map(({ path, message }) => ({ path, message })),
  };
}

function planConnections(
  connections: readonly PlannedConnection[],
  policies: readonly CompiledPolicy[],
  broken: readonly BrokenPolicy[],
): Plan["connections"] {
  const wide = policies.filter((policy) => selectsEveryConnection(policy.connections));
  const narrow = selectorLookup(policies.filter((policy) => !selectsEveryConnection(policy.connections)));
  const everywhere = indexSubjects(wide);
  const shared = new Map<string, SubjectIndex>();
  const plans = new Map<string, Map<string, ConnectionPlan>>();
  const twice: ConnectionPlan[] = [];
  for (const connection of connections) {
    const selectable = selectableOf(connection);
    const selecting = narrow(selectable);
    const key = selecting.map(({ order }) => order).join();
    const here = shared.get(key) ?? indexSubjects(selecting);
    shared.set(key, here);
    const plan: ConnectionPlan = {
      ...selectable,
      protocol: connection.spec.protocol,
      everywhere,
      here,
      brokenBy: broken.filter(({ closes }) => selectsConnection(closes, selectable)),
    };
    const siblings = plans.get(plan.namespace) ?? new Map<string, ConnectionPlan>();
    if (siblings.has(plan.name)) twice.push(plan);
    plans.set(plan.namespace, siblings.set(plan.name, plan));
  }
  // Which of two connections of one name is meant depends on the order of files, so neither is.
  for (const { namespace, name } of twice) plans.get(namespace)?.delete(name);
  return plans;
}

function selectableOf({ metadata }: PlannedConnection): SelectableConnection {
  return {
    namespace: metadata.namespace ?? DEFAULT_NAMESPACE,
    name: metadata.name,
    labels: new Map(Object.entries(metadata.labels ?? {})),
  };
}

/** Asks only policies whose selector mentions the connection's namespace; guardrails for any namespace are asked always. */
function selectorLookup(
  policies: readonly CompiledPolicy[],
): (connection: SelectableConnection) => readonly CompiledPolicy[] {
  const byNamespace = new Map<string, CompiledPolicy[]>();
  const anyNamespace: CompiledPolicy[] = [];
  for (const policy of policies) {
    const { namespaces } = policy.connections;
    if (namespaces === undefined) anyNamespace.push(policy);
    for (const namespace of namespaces ?? []) {
      const siblings = byNamespace.get(namespace) ?? [];
      byNamespace.set(namespace, siblings);
      siblings.push(policy);
    }
  }
  return (connection) =>
    [...anyNamespace, ...(byNamespace.get(connection.namespace) ?? [])].filter((policy) =>
      selectsConnection(policy.connections, connection),
    );
}

/** Guardrails before policies, then by namespace and name; two of one name by content, so that files never decide. */
function inAskingOrder(a: Omit<CompiledPolicy, "order">, b: Omit<CompiledPolicy, "order">): number {
  return (
    compareTexts(a.id.kind, b.id.kind) ||
    compareTexts(a.id.namespace ?? "", b.id.namespace ?? "") ||
    compareTexts(a.id.name, b.id.name) ||
    compareTexts(a.hash, b.hash) ||
    compareTexts(a.origin, b.origin)
  );
}

function sortKey({ id, origin }: BrokenPolicy): string {
  return [id?.kind, id?.namespace, id?.name, origin].join("\0");
}
