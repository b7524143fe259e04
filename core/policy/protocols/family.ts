/** What a protocol brings to the policy language: how its rules are compiled and what they say about its requests. */
import type { Connection } from "#core/api/kinds.gen.ts";
import type { ColumnMask } from "../decision.ts";
import type { Report } from "../shape.ts";

export type ProtocolName = Connection["spec"]["protocol"];
export type RuleEffect = "allow" | "deny" | "ask";

/**
 * How a deny or ask rule is met by a demand. `hit`: it speaks of this act. `blind`: nobody can tell, so it counts as
 * met, and the refusal says that the statement was not understood instead of blaming the rule.
 */
export type Touch = "hit" | "blind" | "none";

/**
 * One row per protocol. `Matcher` is a compiled rule block, `Demand` one thing that a request needs permission for.
 * Written as methods so that a row fits the erased table: a matcher only ever meets demands of its own row, because
 * both are looked up by the connection's protocol.
 */
export interface RuleFamily<Request = unknown, Matcher = unknown, Demand = unknown> {
  /** Undefined when something was reported. */
  compileRule(block: unknown, effect: RuleEffect, path: string, report: Report): Matcher | undefined;
  compileMask(block: unknown, path: string, report: Report): readonly MaskTarget[];

  /** Whether this is a whole and well-formed request of the protocol; what is not is refused. */
  isRequest(value: unknown): value is Request;
  /** Empty when the question is only whether a session may exist. */
  demands(request: Request): readonly Demand[];

  /**
   * What to look a rule up by. A rule that names what it speaks of is filed under keys; one that speaks of everything
   * has none and is always asked. A demand that cannot be looked up, because it may mean anything, asks every rule.
   * Promise: a rule that covers or hits a demand shares a key with it, or one of the two has no keys.
   */
  keysOfRule(matcher: Matcher): readonly string[] | undefined;
  keysOfDemand(demand: Demand): readonly string[] | undefined;

  /** Certainly permitted by this rule, whatever the names turn out to mean. */
  covers(matcher: Matcher, demand: Demand): boolean;
  /** Covers every demand there could be, understood or not. */
  forwardsAll(matcher: Matcher): boolean;
  /** Whether somebody's word for it counts; a demand with keys is only ever blind when nobody gave theirs. */
  canBeVouched(demand: Demand): boolean;
  /** Covered because the rule's author named this very thing, not by forwarding everything. */
  vouches(matcher: Matcher, demand: Demand): boolean;
  /** Possibly meant by this deny or ask rule. */
  touches(matcher: Matcher, demand: Demand, vouched: boolean): Touch;
  /** Whether a deny rule is so wide that no session may exist under it. */
  closesSession(matcher: Matcher): boolean;
  /** Permitted to whoever has any rule at all: the protocol cannot be spoken without it. */
  isImplied(demand: Demand): boolean;
  /** What analysis could not understand, in words; undefined when this demand is understood. */
  doubtOf(demand: Demand): string | undefined;

  /** The demand in words, safe to show: no literal, no control character. */
  say(demand: Demand): string;
  /** Why no rule whatever could permit it; undefined when one may. */
  whyClosed(demand: Demand): string | undefined;
  /** Why the rule does not cover the demand; empty when it does. */
  whyNotCovered(matcher: Matcher, demand: Demand): readonly string[];
  /** Why the rule is met by the demand, or why not. */
  whyTouched(matcher: Matcher, demand: Demand, vouched: boolean): string;
}

/** `*` in schema or table stands for any. */
export type MaskTarget = Omit<ColumnMask, "action">;
