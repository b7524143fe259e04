/**
 * The plan for one class of subjects: a service account below those of the agents above it, and the very pods where some policy names
 * them. It holds the Connections that some policy could let them reach, and the policies that could speak of them or of who is above
 * them there. A pod learns nothing of what is not its own.
 */
import type { PolicySource } from "#core/api/loaded.ts";
import { selectsConnection } from "#core/policy/connection-selector.ts";
import type { Ancestor, Identity } from "#core/policy/facts.ts";
import type { BrokenPolicy, CompiledPolicy, ConnectionPlan, Plan } from "#core/policy/plan.ts";
import { isDescendedFrom, matchesIdentity } from "#core/policy/subject.ts";
import type { ConnectionView, PlanPush } from "#core/port/port.ts";
import { refOf, versionOf } from "../config.ts";

/** What a sidecar has the memory for, many times over. */
const CLASS_PLAN_BYTES_MAX = 256 * 1024;

interface ClassPlan {
  readonly push: PlanPush;
  /** As much as it would take with everything. */
  readonly bytes: number;
  /** For what no room was left: Connections that are closed to the class, and the policies that speak of them. */
  readonly leftOut: LeftOut;
}

interface LeftOut {
  readonly connections: readonly ConnectionView[];
  readonly policies: readonly PolicySource[];
}

const NOTHING: LeftOut = { connections: [], policies: [] };

/** Of all pods that get the same plan: whom policies know them as, and the agents above them, nearest first. */
export interface PlannedFor {
  readonly identity: Identity;
  /** Undefined where it is not known yet: then it is the plan of the pod alone, by which nothing is handed on. */
  readonly above: readonly Ancestor[] | undefined;
}

/** Which pods policies name, as such or as one above others. */
export function podsNamedIn({ policies }: Plan): ReadonlySet<string> {
  const uids = policies.flatMap(({ subjects = [] }) =>
    subjects.flatMap(({ self, descendantsOf }) => [self.podUid, descendantsOf?.podUid]),
  );
  return new Set(uids.filter((uid) => uid !== undefined));
}

/** Pure: the same on every replica, its version included. `plan` is what `whole` compiles to. */
export function planOfClass(plan: Plan, whole: PlanPush, { identity, above }: PlannedFor): ClassPlan {
  const own = plan.policies.filter((policy) => couldSelect(policy, identity, above));
  const handing = (above ?? []).map((agent, at, all) => ({ agent, above: all.slice(at + 1) }));
  const others = plan.policies.filter((policy) =>
    handing.some((link) => couldSelect(policy, link.agent.identity, link.above)),
  );
  const speaking = [...new Set([...own, ...others])];
  const connections = whole.connections.filter((view) => isReachable(connectionOf(plan, view), own));
  const ofThem = (views: readonly ConnectionView[]): readonly PolicySource[] => {
    const kept = views.flatMap((view) => connectionOf(plan, view) ?? []);
    return sourcesOf(whole.policies, [
      ...speaking.filter((policy) => kept.some((each) => selectsConnection(policy.connections, each))),
      ...plan.broken.filter((broken) => closesAny(broken, kept)),
    ]);
  };
  const push = pushOf(connections, ofThem(connections));
  const bytes = bytesOf(push);
  if (bytes <= CLASS_PLAN_BYTES_MAX) return { push, bytes, leftOut: NOTHING };
  const held = fitting(connections, (view) => ofThem([view]));
  const closed = connections.filter((view) => !held.has(view));
  const part = connections.filter((view) => held.has(view));
  return {
    push: pushOf(part, ofThem(part)),
    bytes,
    leftOut: { connections: closed, policies: ofThem(closed) },
  };
}

/** Each with every policy that speaks of it, or not at all: by name, as far as they go. */
function fitting(
  connections: readonly ConnectionView[],
  policiesOf: (view: ConnectionView) => readonly PolicySource[],
): ReadonlySet<ConnectionView> {
  const held = new Set<ConnectionView>();
  const policies = new Set<PolicySource>();
  let bytes = bytesOf(pushOf([], []));
  for (const view of connections.toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1))) {
    const needed = policiesOf(view).filter((source) => !policies.has(source));
    const more = [view, ...needed].reduce((sum, each) => sum + bytesOf(each) + 1, 0);
    if (bytes + more > CLASS_PLAN_BYTES_MAX) continue;
    bytes += more;
    held.add(view);
    for (const source of needed) policies.add(source);
  }
  return held;
}

function nameOf(view: ConnectionView): string {
  const { namespace, name } = refOf(view);
  return `${namespace}/${name}`;
}

function bytesOf(value: object): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Who stands at the root differs between the pods of a class, so that it is not asked. */
function couldSelect(
  { subjects }: CompiledPolicy,
  identity: Identity,
  above: readonly Ancestor[] | undefined,
): boolean {
  return (
    subjects === undefined ||
    subjects.some(
      ({ self, descendantsOf }) =>
        matchesIdentity(self, identity) &&
        (descendantsOf === undefined ||
          above === undefined ||
          above.some((ancestor) => isDescendedFrom(descendantsOf, ancestor))),
    )
  );
}

function isReachable(
  connection: ConnectionPlan | undefined,
  speaking: readonly CompiledPolicy[],
): connection is ConnectionPlan {
  return (
    connection !== undefined &&
    speaking.some((policy) => !policy.isGuardrail && selectsConnection(policy.connections, connection))
  );
}

function closesAny({ closes }: BrokenPolicy, connections: readonly ConnectionPlan[]): boolean {
  return connections.some((connection) => selectsConnection(closes, connection));
}

function connectionOf({ connections }: Plan, view: ConnectionView): ConnectionPlan | undefined {
  const { namespace, name } = refOf(view);
  return connections.get(namespace)?.get(name);
}

function sourcesOf(
  sources: readonly PolicySource[],
  wanted: readonly (CompiledPolicy | BrokenPolicy)[],
): readonly PolicySource[] {
  const byOrigin = Map.groupBy(wanted, ({ origin }) => origin);
  return sources.filter((source) => isOf(source, byOrigin.get(source.origin) ?? []));
}

/** By what it is called: one origin may hold several policies. */
function isOf(source: PolicySource, wanted: readonly (CompiledPolicy | BrokenPolicy)[]): boolean {
  const id = source.state === "good" ? source.policy : source.id;
  return wanted.some(({ id: other }) => {
    if (id === undefined || other === undefined) return true;
    const name = "metadata" in id ? id.metadata.name : id.name;
    return id.kind === other.kind && name === other.name;
  });
}

function pushOf(connections: readonly ConnectionView[], policies: readonly PolicySource[]): PlanPush {
  return { kind: "plan", version: versionOf(connections, policies), connections, policies };
}
