/**
 * What the gateway tells the agent of itself: who it is, what it may reach and do, why it was refused and how to ask. Pure, and of
 * nobody else: the plan that it reads has nothing that is not for this pod, and of policies it leaves out for whom they are.
 */
import type { Policy } from "#core/api/loaded.ts";
import { DECISION_CODES } from "#core/policy/decision.ts";
import { explain } from "#core/policy/explain.ts";
import type { Caller, ConnectionRef } from "#core/policy/facts.ts";
import { openingOf } from "#core/policy/protocols/table.ts";
import { sayIdentity, sayPolicy } from "#core/policy/words.ts";
import type { ConnectionView } from "#core/port/port.ts";
import { RUNTIME_CODES, type Refusal, isRefusal } from "#core/values/refusal.ts";
import type { ActivePlan } from "../../gateway/plans.ts";
import { dialledAs, sayPlace } from "../destinations.ts";
import type { NotedRefusal, Refusals } from "../refusals.ts";

export interface Facts {
  readonly pod: string;
  /** As the broker has found it, or why it would not say. */
  readonly caller: Caller | Refusal;
  readonly plan: ActivePlan | undefined;
  /** Why there is none. */
  readonly withoutPlan: Refusal;
  readonly refusals: Pick<Refusals, "recent" | "find">;
  readonly nowMs: number;
}

export interface Page {
  readonly status: 200 | 404;
  readonly content: object;
}

const REFUSALS_SHOWN = 10;
const HOW_TO_ASK =
  "Whoever owns the policies of the connection's namespace can allow it. Quote the refusal's code, its rule where there is one, " +
  "and its id; the trail has it under this pod's name.";

export function pageFor(path: string, facts: Facts): Page {
  if (path === "/") return { status: 200, content: about(facts) };
  const [, kind, key = ""] = /^\/(refusals|codes)\/([A-Za-z0-9_]{1,64})$/.exec(path) ?? [];
  if (kind === "refusals") {
    const noted = facts.refusals.find(key);
    if (noted !== undefined) return { status: 200, content: { ...sayRefusal(noted), howToAsk: HOW_TO_ASK } };
  }
  const meaning = kind === "codes" ? meaningOf(key) : undefined;
  if (meaning !== undefined) {
    const refusals = facts.refusals.recent().filter(({ refusal }) => refusal.code === key);
    return {
      status: 200,
      content: { code: key, meaning, refusals: refusals.map(sayRefusal), howToAsk: HOW_TO_ASK },
    };
  }
  return { status: 404, content: { error: "there is /, /refusals/ID and /codes/CODE" } };
}

function meaningOf(code: string): string | undefined {
  const codes: Readonly<Record<string, string>> = { ...DECISION_CODES, ...RUNTIME_CODES };
  return Object.hasOwn(codes, code) ? codes[code] : undefined;
}

function about({ pod, caller, plan, withoutPlan, refusals, nowMs }: Facts): object {
  return {
    pod,
    identity: isRefusal(caller)
      ? { unknown: caller.code, why: caller.publicText }
      : sayIdentity(caller.identity),
    connections:
      plan === undefined
        ? { unknown: withoutPlan.code, why: withoutPlan.publicText }
        : plan.connections.map((view) => sayConnection(view, plan, caller, nowMs)),
    refusals: refusals.recent().slice(0, REFUSALS_SHOWN).map(sayRefusal),
    howToAsk: HOW_TO_ASK,
  };
}

function sayRefusal({ id, atMs, count, about: what, refusal }: NotedRefusal): object {
  const { code, publicText, rule } = refusal;
  return {
    id,
    at: new Date(atMs).toISOString(),
    count,
    about: what,
    code,
    why: publicText,
    ...(rule === undefined ? {} : { rule }),
  };
}

function sayConnection(
  view: ConnectionView,
  plan: ActivePlan,
  caller: Caller | Refusal,
  nowMs: number,
): object {
  const { metadata, spec } = view;
  const ref: ConnectionRef = { namespace: metadata.namespace ?? "", name: metadata.name };
  const known = {
    connection: `${ref.namespace}/${ref.name}`,
    protocol: spec.protocol,
    reachedAs: dialledAs(view).map(({ host, port }) => sayPlace(host, port)),
  };
  if (isRefusal(caller)) return known;
  const { decision, links } = explain(plan.plan, {
    caller,
    connection: ref,
    nowMs,
    request: openingOf(spec.protocol),
  });
  const speaking = new Set(links[0]?.enforcing);
  const { outcome, code, publicText, obligations } = decision;
  return {
    ...known,
    sessions: outcome,
    ...(outcome === "allow" ? {} : { code, why: publicText }),
    rules: plan.policies.flatMap((source) => {
      if (source.state !== "good") return [];
      const id = idOf(source.policy);
      return speaking.has(id) ? [{ policy: id, ...rulesOf(source.policy) }] : [];
    }),
    limits: obligations.limits,
  };
}

function idOf({ kind, metadata: { namespace, name } }: Policy): string {
  return sayPolicy({ kind, name, ...(namespace === undefined ? {} : { namespace }) });
}

/** What it says, and not of whom. */
function rulesOf({ spec }: Policy): object {
  const { deny, ask, mask, expires } = spec;
  const allow = "allow" in spec ? spec.allow : undefined;
  const all = { allow, ask, deny, mask, expires };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
