/**
 * Decisions of one session, remembered by request. A statement that runs ten thousand times is analysed once and its
 * facts are one object, so that the object is the key and an entry lives no longer than the facts it belongs to.
 */
import { connectionOf, decide, decideSelected } from "./decide.ts";
import type { Decision } from "./decision.ts";
import type { Caller, ConnectionRef, Facts, Request } from "./facts.ts";
import { isInstantMs } from "./instant.ts";
import { passesAll } from "./passes-all.ts";
import type { ConnectionPlan, Plan } from "./plan.ts";
import { type Selection, select } from "./selection.ts";
import { areWholeFacts } from "./whole-facts.ts";

export interface PolicySession {
  /** What was decided of it before, while that is good. */
  decided(request: Request, nowMs: number): Decision | undefined;
  decide(request: Request, nowMs: number): Decision;
  /** Whether the decision is the same whatever is asked. `opening`: what is asked of the session as a whole. */
  passesAll(opening: Request, nowMs: number): boolean;
}

interface Selected extends Selection {
  readonly passesAll: boolean;
}

/** A decision or a selection is good from the moment it was made until something in it expires. */
interface Dated<Value> {
  readonly value: Value;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Beyond that the memory starts afresh; requests that others keep alive would otherwise make it grow without end. */
const REMEMBERED_MAX = 4_096;

/** For one plan: a new plan needs a new session. Neither caller nor requests may be changed while it lives. */
export function openSession(plan: Plan, caller: Caller, connection: ConnectionRef): PolicySession {
  let remembered = new WeakMap<Request, Dated<Decision>>();
  let count = 0;
  let selection: Dated<Selected> | undefined;

  function foundFor(facts: Facts): ConnectionPlan | undefined {
    return areWholeFacts(facts) ? connectionOf(plan, facts) : undefined;
  }

  function selectAt(found: ConnectionPlan, nowMs: number): Selected {
    if (selection !== undefined && isGood(selection, nowMs)) return selection.value;
    const made = select(plan, found, caller, nowMs);
    const value = { ...made, passesAll: passesAll(found, made) };
    selection = { value, fromMs: nowMs, untilMs: made.validUntilMs };
    return value;
  }

  function decideAnew(request: Request, nowMs: number): Decision {
    const facts: Facts = { caller, connection, nowMs, request };
    const found = foundFor(facts);
    if (found === undefined) return decide(plan, facts);
    return decideSelected(found, selectAt(found, nowMs), request);
  }

  function decided(request: Request, nowMs: number): Decision | undefined {
    const known = remembered.get(request);
    return known !== undefined && isGood(known, nowMs) ? known.value : undefined;
  }

  return {
    decided,
    decide(request, nowMs) {
      const known = decided(request, nowMs);
      if (known !== undefined) return known;
      const value = decideAnew(request, nowMs);
      // A refusal of facts that cannot be judged is no answer to keep.
      if (value.code === "DENY_FACTS_INVALID") return value;
      if (!remembered.has(request)) count += 1;
      if (count > REMEMBERED_MAX) {
        remembered = new WeakMap();
        count = 1;
      }
      remembered.set(request, { value, fromMs: nowMs, untilMs: value.validUntilMs });
      return value;
    },
    passesAll(opening, nowMs) {
      if (selection !== undefined && isGood(selection, nowMs)) return selection.value.passesAll;
      const found = foundFor({ caller, connection, nowMs, request: opening });
      return found !== undefined && selectAt(found, nowMs).passesAll;
    },
  };
}

/** A clock that went back makes an expired policy valid again, so that nothing known counts. */
function isGood({ fromMs, untilMs }: Dated<unknown>, nowMs: number): boolean {
  return nowMs >= fromMs && nowMs < untilMs && isInstantMs(nowMs);
}
