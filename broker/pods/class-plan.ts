/**
 * The plan for one class of subjects: a namespace and a service account. It holds the Connections that some policy could let them
 * reach, and the policies that could speak of them there. A pod learns nothing of what is not its own.
 */
import type { PolicySource } from "#core/api/loaded.ts";
import { selectsConnection } from "#core/policy/connection-selector.ts";
import type { Identity } from "#core/policy/facts.ts";
import type { BrokenPolicy, CompiledPolicy, ConnectionPlan, Plan } from "#core/policy/plan.ts";
import { matchesIdentity } from "#core/policy/subject.ts";
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

/** Pure: the same on every replica, its version included. `plan` is what `whole` compiles to. */
export function planOfClass(plan: Plan, whole: PlanPush, identity: Identity): ClassPlan {
  const speaking = plan.policies.filter((policy) => couldSelect(policy, identity));
  const connections = whole.connections.filter((view) => isReachable(connectionOf(plan, view), speaking));
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

/** Whatever is above the subject: who launched a pod differs between the pods of a class. */
function couldSelect({ subjects }: CompiledPolicy, identity: Identity): boolean {
  return subjects === undefined || subjects.some(({ self }) => matchesIdentity(self, identity));
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
