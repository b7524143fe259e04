/** Which policies take no part in a decision, and why. */
import { selectsConnection, whyNotConnection } from "./connection-selector.ts";
import type { CompiledPolicy, ConnectionPlan, Plan, Problem } from "./plan.ts";
import type { Link, SelectedLink } from "./selection.ts";
import { matchesSubject } from "./subject.ts";
import { whyNotSubject } from "./subject-words.ts";
import { sayIdentity, sayPolicy } from "./words.ts";

export interface PolicyNote {
  readonly policy: string;
  /** One for each reason; for subjects one for each selector that came close. */
  readonly why: readonly string[];
}

export interface ClosedBy {
  /** The policy, or the file that nobody could read. */
  readonly policy: string;
  readonly origin: string;
  readonly problems: readonly Problem[];
}

const REASONS_MAX = 4;

export function closedBy({ brokenBy }: ConnectionPlan): readonly ClosedBy[] {
  return brokenBy.map(({ id, origin, problems }) => ({
    policy: id === undefined ? origin : sayPolicy(id),
    origin,
    problems,
  }));
}

/** Those of the right connection first, then those of the right subject; the rest is of no interest. */
export function notSelecting(
  plan: Plan,
  connection: ConnectionPlan,
  links: readonly SelectedLink[],
  hasExpired: (policy: CompiledPolicy) => boolean,
): readonly PolicyNote[] {
  const selecting = new Set(links.flatMap(({ enforcing, observing }) => [...enforcing, ...observing]));
  const wrongSubject: PolicyNote[] = [];
  const wrongConnection: PolicyNote[] = [];
  for (const policy of plan.policies) {
    if (selecting.has(policy)) continue;
    const name = sayPolicy(policy.id);
    const isHere = selectsConnection(policy.connections, connection);
    const means = links.some((link) => meansLink(policy, link));
    if (isHere && means && hasExpired(policy)) {
      wrongSubject.unshift({
        policy: name,
        why: [`it ended at ${new Date(policy.expiresMs).toISOString()}`],
      });
    } else if (isHere) {
      wrongSubject.push({
        policy: name,
        why: links.flatMap((link) => whyNotLink(policy, link)).slice(0, REASONS_MAX),
      });
    } else if (means) {
      wrongConnection.push({ policy: name, why: [whyNotConnection(policy.connections, connection) ?? ""] });
    }
  }
  return [...wrongSubject, ...wrongConnection];
}

function meansLink({ subjects }: CompiledPolicy, { identity, above }: Link): boolean {
  return subjects === undefined || subjects.some((subject) => matchesSubject(subject, identity, above));
}

function whyNotLink({ subjects }: CompiledPolicy, { identity, above }: Link): readonly string[] {
  return (subjects ?? [])
    .map((subject) => whyNotSubject(subject, identity, above))
    .toSorted((a, b) => a.length - b.length)
    .map((why) => `${sayIdentity(identity)}: ${why.join("; ")}`);
}
