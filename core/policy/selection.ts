/**
 * The links of a caller's chain that must each have a right of their own, and the policies that speak of each: the
 * caller, and every agent above it. People, CI jobs and controllers are above too, and can be matched, but hand on
 * nothing.
 */
import type { Ancestor, Caller, Identity } from "./facts.ts";
import type { CompiledPolicy, ConnectionPlan, LinkRole, Plan } from "./plan.ts";
import { collectSelecting } from "./subject-index.ts";

export interface Link {
  readonly identity: Identity;
  readonly role: LinkRole;
  readonly above: readonly Ancestor[];
}

export interface SelectedLink extends Link {
  /** In force, in the order in which rules are asked. */
  readonly enforcing: readonly CompiledPolicy[];
  readonly observing: readonly CompiledPolicy[];
}

export interface Selection {
  readonly links: readonly SelectedLink[];
  /** The first expiry among all that select, observing ones too; Infinity when none expires. */
  readonly validUntilMs: number;
}

export function linksOf({ identity, ancestors }: Caller): readonly Link[] {
  const links: Link[] = [{ identity, role: "uses", above: ancestors }];
  ancestors.forEach((ancestor, at) => {
    if (ancestor.kind !== "agent") return;
    links.push({ identity: ancestor.identity, role: "hands on", above: ancestors.slice(at + 1) });
  });
  return links;
}

export function select(plan: Plan, connection: ConnectionPlan, caller: Caller, nowMs: number): Selection {
  let validUntilMs = Number.POSITIVE_INFINITY;
  const links = linksOf(caller).map((link): SelectedLink => {
    const enforcing: CompiledPolicy[] = [];
    const observing: CompiledPolicy[] = [];
    for (const order of selectingOrders(connection, link)) {
      const policy = plan.policies[order];
      if (policy === undefined || isExpired(policy, nowMs)) continue;
      validUntilMs = Math.min(validUntilMs, policy.expiresMs);
      (policy.observes ? observing : enforcing).push(policy);
    }
    return { ...link, enforcing, observing };
  });
  return { links, validUntilMs };
}

/** A grant that ended no longer permits, and a temporary guardrail that ended no longer forbids. */
export function isExpired({ expiresMs }: CompiledPolicy, nowMs: number): boolean {
  return nowMs >= expiresMs;
}

function selectingOrders({ everywhere, here }: ConnectionPlan, { identity, above }: Link): readonly number[] {
  const orders = new Set<number>();
  collectSelecting(everywhere, identity, above, orders);
  collectSelecting(here, identity, above, orders);
  return [...orders].sort((a, b) => a - b);
}

/** Every policy once, in asking order, whichever links it selects. */
export function policiesOf(
  links: readonly SelectedLink[],
  mode: "enforcing" | "observing",
): readonly CompiledPolicy[] {
  const [only, ...more] = links;
  if (only !== undefined && more.length === 0) return only[mode];
  return [...new Set(links.flatMap((link) => link[mode]))].sort((a, b) => a.order - b.order);
}
