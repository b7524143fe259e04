/**
 * One session as its protocol sees it: what is asked of policy, put on record and counted. Answers are values wherever
 * nobody has to be waited for.
 */
import { type RequestDescription, describeRequest } from "#core/audit/describe.ts";
import type { Decided } from "#core/audit/event.ts";
import { refuseUnsupported } from "#core/policy/decide.ts";
import type { Decision, Limits, Obligations } from "#core/policy/decision.ts";
import type { Caller, ConnectionRef, Request } from "#core/policy/facts.ts";
import { type PolicySession, openSession } from "#core/policy/session.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { ResultCounts, Tap, Verdict } from "../protocols/protocol.ts";
import type { RecordedRequest, Recorder } from "../uplink/recorder.ts";
import type { Meters } from "./meters.ts";
import type { ActivePlan } from "./plans.ts";
import { refusalOf } from "./refusing.ts";
import { SUPPORTED } from "./supported.ts";

export interface TapOptions {
  readonly caller: Caller;
  readonly connection: ConnectionRef;
  /** What is decided of the session as a whole. */
  readonly opening: Request;
  readonly plan: ActivePlan;
  readonly recorder: Recorder;
  /** Asks people; until approvals exist the answer is a refusal. */
  readonly hold: (question: string) => Promise<"approved" | Refusal>;
  readonly meters: Meters;
  readonly onRefused: (why: Refusal) => void;
  readonly nowMs: () => number;
}

export interface SessionTotals {
  readonly requests: number;
  readonly rows: number;
  readonly bytes: number;
  readonly maskedValues: number;
}

export interface SessionTap extends Tap {
  /** What the plan in force says of the session as a whole. */
  readonly opening: Decision;
  readonly totals: SessionTotals;
  /** Decides everything anew under this plan; answers with the opening decision. */
  adopt(plan: ActivePlan): Decision;
}

export function openTap(options: TapOptions): SessionTap {
  const { recorder } = options;
  const meters = metersOf(options);
  const { refuse, pass, ask } = verdictsOf(options);
  const totals = { requests: 0, rows: 0, bytes: 0, maskedValues: 0 };
  const changed = new Set<() => void>();
  // A statement that runs ten thousand times is one request with one decision, and all that follows from either is found once.
  const describe = remembered(describeRequest);
  const say = remembered((decision: Decision) =>
    remembered((description: RequestDescription) => decidedOf(decision, description)),
  );
  const carriedOut = remembered((decision: Decision) => refuseUnsupported(decision, SUPPORTED));
  let policy = openPolicy(options, options.plan);
  let opening = consider(options.opening);

  function consider(request: Request): Decision {
    return carriedOut(policy.decide(request, options.nowMs()));
  }

  return {
    get opening() {
      return opening;
    },
    get obligations(): Obligations {
      return opening.obligations;
    },
    get passesAll() {
      return policy.passesAll(options.opening, options.nowMs());
    },
    get isFull() {
      return recorder.isFull;
    },
    totals,
    onRoom: (listener) => recorder.onRoom(listener),
    onChange: (listener) => void changed.add(listener),
    recheck: consider,
    decide(request, text) {
      const number = totals.requests;
      totals.requests += 1;
      const decision = meters.decided(() => consider(request));
      const description = describe(request);
      const asked = { number, decided: say(decision)(description), text };
      const statementsMax = opening.obligations.limits.statements ?? Number.POSITIVE_INFINITY;
      if (decision.outcome === "deny") return refuse(asked, refusalOf(decision));
      if (totals.requests > statementsMax) return refuse(asked, refusal("LIMIT_STATEMENTS"));
      if (decision.outcome === "ask") return ask(asked, decision);
      if (!description.readsOnly) return pass(asked, decision);
      recorder.ask(asked);
      return { pass: true, request: number, decision };
    },
    result(request, counts) {
      totals.maskedValues += counts.maskedValues;
      meters.result(counts);
      recorder.answer(request, counts);
    },
    count(rows, bytes) {
      totals.rows += rows;
      totals.bytes += bytes;
      return exceeded(totals, opening.obligations.limits);
    },
    adopt(plan) {
      policy = openPolicy(options, plan);
      opening = consider(options.opening);
      for (const listener of changed) listener();
      return opening;
    },
  };
}

type Verdicts = Record<"refuse", (asked: RecordedRequest, why: Refusal) => Promise<Verdict>> &
  Record<"pass" | "ask", (asked: RecordedRequest, decision: Decision) => Promise<Verdict>>;

/** Each of them is durable before anyone hears of it. */
function verdictsOf({ recorder, hold, onRefused }: TapOptions): Verdicts {
  const refuse: Verdicts["refuse"] = async (asked, why) => {
    onRefused(why);
    const decided: Decided = { ...asked.decided, outcome: "deny", code: why.code };
    const unavailable = await recorder.askStrictly({ ...asked, decided });
    return { pass: false, request: asked.number, refusal: unavailable ?? why };
  };
  const pass: Verdicts["pass"] = async (asked, decision) => {
    const unavailable = await recorder.askStrictly(asked);
    if (unavailable !== undefined) return { pass: false, request: asked.number, refusal: unavailable };
    return { pass: true, request: asked.number, decision };
  };
  const ask: Verdicts["ask"] = async (asked, decision) => {
    const answer = await hold(decision.publicText);
    if (answer === "approved") return pass(asked, decision);
    return refuse(asked, withRule(answer, decision));
  };
  return { refuse, pass, ask };
}

interface TapMeters {
  decided(decide: () => Decision): Decision;
  result(counts: ResultCounts): void;
}

function metersOf({ meters, connection, opening: { protocol } }: TapOptions): TapMeters {
  const request = { protocol, connection };
  return {
    decided(decide) {
      const startMs = performance.now();
      const decision = decide();
      meters.decided(request, decision.outcome, decision.code, performance.now() - startMs);
      return decision;
    },
    result: (counts) => meters.result(request, counts),
  };
}

function remembered<Key extends object, Value extends object>(
  find: (key: Key) => Value,
): (key: Key) => Value {
  const known = new WeakMap<Key, Value>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined) known.set(key, (value = find(key)));
    return value;
  };
}

function openPolicy({ caller, connection }: TapOptions, { plan }: ActivePlan): PolicySession {
  return openSession(plan, caller, connection);
}

function decidedOf(
  { outcome, code, by, observations }: Decision,
  { classes, accesses, doubts }: RequestDescription,
): Decided {
  const rule = by === undefined ? {} : { by: `${by.policy}/${by.rule}@${by.hash}` };
  const observed = observations.map((observation) => `${observation.outcome} ${observation.policy}`);
  return { outcome, code, ...rule, classes, accesses, doubts, observed };
}

function withRule(answer: Refusal, { by }: Decision): Refusal {
  return by === undefined ? answer : { ...answer, rule: `${by.policy}/${by.rule}` };
}

function exceeded({ rows, bytes }: SessionTotals, limits: Limits): Refusal | undefined {
  if (rows > (limits.rows ?? Number.POSITIVE_INFINITY)) return refusal("LIMIT_ROWS");
  if (bytes > (limits.bytes ?? Number.POSITIVE_INFINITY)) return refusal("LIMIT_BYTES");
  return undefined;
}
