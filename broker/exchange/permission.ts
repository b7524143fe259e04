/** The broker's own word on whether a session may have a credential: the data plane's is not taken for it. */
import type { Decision, Obligations, RuleRef } from "#core/policy/decision.ts";
import { decide } from "#core/policy/decide.ts";
import type { Caller, ConnectionRef } from "#core/policy/facts.ts";
import type { Plan } from "#core/policy/plan.ts";
import { openingOf } from "#core/policy/protocols/table.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";

export interface Permission {
  readonly untilMs: number;
  /** Of this subject on this Connection, all data planes together. */
  readonly concurrentSessionsMax: number | undefined;
  /** `policy/rule` that allows it; undefined where a policy in observe mode lets it pass. */
  readonly by: string | undefined;
  /** What becomes of the session when an agent above it ends. */
  readonly whenParentEnds: Obligations["whenParentEnds"];
}

export function permit(
  plan: Plan,
  caller: Caller,
  connection: ConnectionRef,
  nowMs: number,
): Permission | Refusal {
  const found = plan.connections.get(connection.namespace)?.get(connection.name);
  if (found === undefined) return refusal("DENY_UNKNOWN_CONNECTION");
  const decision = decide(plan, { caller, connection, nowMs, request: openingOf(found.protocol) });
  if (decision.outcome === "allow") {
    return {
      untilMs: decision.validUntilMs,
      concurrentSessionsMax: decision.obligations.limits.concurrentSessions,
      by: nameOf(decision.by),
      whenParentEnds: decision.obligations.whenParentEnds,
    };
  }
  return decision.outcome === "ask"
    ? refusal("ASK_NOT_AVAILABLE", undefined, nameOf(decision.by))
    : refusalOf(decision);
}

/** The rule that denies it to whoever would otherwise have it. */
export function denierOf(
  plan: Plan,
  caller: Caller,
  connection: ConnectionRef,
  nowMs: number,
): RuleRef | undefined {
  const found = plan.connections.get(connection.namespace)?.get(connection.name);
  if (found === undefined) return undefined;
  const decision = decide(plan, { caller, connection, nowMs, request: openingOf(found.protocol) });
  return decision.code === "DENY_RULE" ? decision.by : undefined;
}

function refusalOf({ code, publicText, by }: Decision): Refusal {
  return refusal(code, publicText, nameOf(by));
}

function nameOf(rule: RuleRef | undefined): string | undefined {
  return rule === undefined ? undefined : `${rule.policy}/${rule.rule}`;
}
