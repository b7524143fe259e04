/** The decision. Total: whatever the facts are, the answer is one of allow, ask and deny, and nothing is thrown. */
import { DECISION_CODES, type Decision, type DecisionCode, type Observation } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { NO_OBLIGATIONS, type Supported, uniteObligations, unsupportedObligation } from "./obligations.ts";
import type { CompiledPolicy, ConnectionPlan, Plan } from "./plan.ts";
import { type SelectedLink, type Selection, policiesOf, select } from "./selection.ts";
import { type Verdict, type Weighing, weigh, weighingOf } from "./weigh.ts";
import { areWholeFacts } from "./whole-facts.ts";
import { sayPolicy } from "./words.ts";

export function decide(plan: Plan, facts: Facts): Decision {
  if (!areWholeFacts(facts)) return refuse("DENY_FACTS_INVALID");
  const connection = connectionOf(plan, facts);
  if (connection === undefined) return refuse("DENY_UNKNOWN_CONNECTION");
  return decideSelected(connection, select(plan, connection, facts.caller, facts.nowMs), facts.request);
}

export function connectionOf(plan: Plan, { connection }: Facts): ConnectionPlan | undefined {
  return plan.connections.get(connection.namespace)?.get(connection.name);
}

/** For whole facts whose connection is known. */
export function decideSelected(
  connection: ConnectionPlan,
  { links, validUntilMs }: Selection,
  request: Facts["request"],
): Decision {
  if (request.protocol !== connection.protocol) return refuse("DENY_PROTOCOL");
  const enforcing = policiesOf(links, "enforcing");
  const observing = policiesOf(links, "observing");
  const obligations = uniteObligations(enforcing, connection.protocol);
  const weighing = weighingOf(connection.protocol, request);
  const observations = observing.map((policy) => observe(policy, links, weighing));
  const verdict = verdictOn(connection, links, weighing, enforcing.length === 0);
  return answer(verdict, { obligations, observations, validUntilMs });
}

/** A data plane that cannot carry out what a policy demands refuses, instead of passing what should be masked. */
export function refuseUnsupported(decision: Decision, supported: Supported): Decision {
  const unsupported = unsupportedObligation(decision.obligations, supported);
  if (unsupported === undefined || decision.outcome === "deny") return decision;
  const publicText = DECISION_CODES.OBLIGATION_UNSUPPORTED;
  return { ...decision, outcome: "deny", code: "OBLIGATION_UNSUPPORTED", publicText };
}

function verdictOn(
  { brokenBy }: ConnectionPlan,
  links: readonly SelectedLink[],
  weighing: Weighing,
  nothingEnforces: boolean,
): Verdict {
  if (brokenBy.length > 0) return { outcome: "deny", code: "DENY_POLICY_INVALID" };
  if (nothingEnforces && links.every(isObserved)) return { outcome: "allow", code: "OBSERVED" };
  return weigh(links, weighing);
}

/** A guardrail never lets anything pass, so one on trial does not either. */
function isObserved({ observing }: SelectedLink): boolean {
  return observing.some(({ isGuardrail }) => !isGuardrail);
}

/** What would be decided if this one policy were switched to enforce and everything else stayed as it is. */
function observe(policy: CompiledPolicy, links: readonly SelectedLink[], weighing: Weighing): Observation {
  const switched = links.map((link) =>
    link.observing.includes(policy)
      ? { ...link, enforcing: [...link.enforcing, policy].sort((a, b) => a.order - b.order) }
      : link,
  );
  const { outcome, by } = weigh(switched, weighing);
  return { outcome, policy: sayPolicy(policy.id), ...(by === undefined ? {} : { rule: by }) };
}

function refuse(code: DecisionCode): Decision {
  return answer(
    { outcome: "deny", code },
    { obligations: NO_OBLIGATIONS, observations: [], validUntilMs: Number.POSITIVE_INFINITY },
  );
}

function answer(
  { outcome, code, by, reason, detail }: Verdict,
  rest: Pick<Decision, "obligations" | "observations" | "validUntilMs">,
): Decision {
  const text = DECISION_CODES[code];
  const publicText = reason ?? (detail ? `${text}: ${detail}` : text);
  return { outcome, code, ...(by === undefined ? {} : { by }), publicText, ...rest };
}
