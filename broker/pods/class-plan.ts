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
  /** As much as it would take. */
  readonly bytes: number;
  /** Then it holds no Connection, and nothing is let through. */
  readonly isTooLarge: boolean;
}

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
  const kept = connections.flatMap((view) => connectionOf(plan, view) ?? []);
  const origins = new Set<CompiledPolicy | BrokenPolicy>([
    ...speaking.filter((policy) => kept.some((each) => selectsConnection(policy.connections, each))),
    ...plan.broken.filter((broken) => closesAny(broken, kept)),
  ]);
  const policies = whole.policies.filter((source) => isOf(source, origins));
  const push = pushOf(connections, policies);
  const bytes = Buffer.byteLength(JSON.stringify(push));
  const isTooLarge = bytes > CLASS_PLAN_BYTES_MAX;
  return { push: isTooLarge ? pushOf([], []) : push, bytes, isTooLarge };
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

/** By where it comes from and what it is called: one origin may hold several policies. */
function isOf(source: PolicySource, wanted: ReadonlySet<CompiledPolicy | BrokenPolicy>): boolean {
  const id = source.state === "good" ? source.policy : source.id;
  for (const { origin, id: other } of wanted) {
    if (origin !== source.origin) continue;
    if (id === undefined || other === undefined) return true;
    const name = "metadata" in id ? id.metadata.name : id.name;
    if (id.kind === other.kind && name === other.name) return true;
  }
  return false;
}

function pushOf(connections: readonly ConnectionView[], policies: readonly PolicySource[]): PlanPush {
  return { kind: "plan", version: versionOf(connections, policies), connections, policies };
}
