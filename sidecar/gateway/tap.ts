/**
 * One session as its protocol sees it: what is asked of policy, put on record and counted. Answers are values wherever
 * nobody has to be waited for.
 */
import { describeRequest, type RequestDescription } from "#core/audit/describe.ts";
import type { Decided } from "#core/audit/event.ts";
import { refuseUnsupported } from "#core/policy/decide.ts";
import type { Decision, Limits, Obligations } from "#core/policy/decision.ts";
import type { Caller, ConnectionRef, Request } from "#core/policy/facts.ts";
import { type PolicySession, openSession } from "#core/policy/session.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { ResultCounts, Tap, Verdict } from "../protocols/protocol.ts";
import type { RecordedRequest, Recorder } from "../uplink/recorder.ts";
import type { Count, Meters, RequestMeter } from "./meters.ts";
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
  return new GatewayTap(options);
}

/** A request, what was decided of it, and all that follows from the two. */
interface Judged {
  readonly request: Request;
  readonly decision: Decision;
  readonly decided: Decided;
  readonly readsOnly: boolean;
  readonly counted: Count;
}

/** A class, because there is one for every session: what a session has of it is what differs between sessions. */
class GatewayTap implements SessionTap {
  readonly totals = { requests: 0, rows: 0, bytes: 0, maskedValues: 0 };
  opening: Decision;
  /** Without the plan that it began with, which is to go when another one is in force. */
  readonly #options: Omit<TapOptions, "plan">;
  readonly #meter: RequestMeter;
  /** By what policy has decided, which it remembers for as long as it holds. */
  readonly #judged = new WeakMap<Decision, Judged>();
  readonly #onChange: (() => void)[] = [];
  #policy: PolicySession;
  /** Nothing is forwarded before its record is durable, whatever it is. */
  #isDurableFirst: boolean;

  constructor({ plan, ...options }: TapOptions) {
    const { caller, connection, opening } = options;
    this.#options = options;
    this.#meter = options.meters.requests({ protocol: opening.protocol, connection });
    this.#policy = openSession(plan.plan, caller, connection);
    this.#isDurableFirst = readsDurableFirst(plan, connection);
    this.opening = this.recheck(opening);
  }

  get obligations(): Obligations {
    return this.opening.obligations;
  }

  get passesAll(): boolean {
    const { opening, nowMs } = this.#options;
    return this.#policy.passesAll(opening, nowMs());
  }

  get isFull(): boolean {
    return this.#options.recorder.isFull;
  }

  onRoom(listener: () => void): void {
    this.#options.recorder.onRoom(listener);
  }

  onChange(listener: () => void): void {
    this.#onChange.push(listener);
  }

  recheck(request: Request): Decision {
    return carriedOut(this.#policy.decide(request, this.#options.nowMs()));
  }

  decide(request: Request, text: Uint8Array): Verdict | Promise<Verdict> {
    const { totals } = this;
    const number = totals.requests;
    totals.requests += 1;
    const { decision, decided, readsOnly, counted } = this.#judge(request);
    counted.count += 1;
    const asked = { number, decided, text };
    const statementsMax = this.obligations.limits.statements ?? Number.POSITIVE_INFINITY;
    if (decision.outcome === "deny") return this.#refuse(asked, refusalOf(decision));
    if (totals.requests > statementsMax) return this.#refuse(asked, refusal("LIMIT_STATEMENTS"));
    if (decision.outcome === "ask") return this.#ask(asked, decision);
    if (this.#isDurableFirst || !readsOnly) return this.#pass(asked, decision);
    this.#options.recorder.ask(asked);
    return { pass: true, request: number, decision };
  }

  result(request: number, counts: ResultCounts): void {
    this.totals.maskedValues += counts.maskedValues;
    this.#meter.result(counts);
    this.#options.recorder.answer(request, counts);
  }

  count(rows: number, bytes: number): Refusal | undefined {
    this.totals.rows += rows;
    this.totals.bytes += bytes;
    return exceeded(this.totals, this.obligations.limits);
  }

  adopt(plan: ActivePlan): Decision {
    const { caller, connection, opening } = this.#options;
    this.#policy = openSession(plan.plan, caller, connection);
    this.#isDurableFirst = readsDurableFirst(plan, connection);
    this.opening = this.recheck(opening);
    for (const listener of this.#onChange) listener();
    return this.opening;
  }

  #judge(request: Request): Judged {
    const nowMs = this.#options.nowMs();
    const found = this.#policy.decided(request, nowMs) ?? this.#decide(request, nowMs);
    const known = this.#judged.get(found);
    if (known?.request === request) return known;
    const decision = carriedOut(found);
    const description = describe(request);
    const { outcome, code } = decision;
    const judged = {
      request,
      decision,
      decided: decidedOf(decision, description),
      readsOnly: description.readsOnly,
      counted: this.#meter.decided(outcome, code),
    };
    this.#judged.set(found, judged);
    return judged;
  }

  #decide(request: Request, nowMs: number): Decision {
    const startMs = performance.now();
    const decision = this.#policy.decide(request, nowMs);
    this.#meter.took(performance.now() - startMs);
    return decision;
  }

  // Each of these is durable before anyone hears of it.

  async #refuse(asked: RecordedRequest, why: Refusal): Promise<Verdict> {
    const { onRefused, recorder } = this.#options;
    onRefused(why);
    const decided: Decided = { ...asked.decided, outcome: "deny", code: why.code };
    const unavailable = await recorder.askStrictly({ ...asked, decided });
    return { pass: false, request: asked.number, refusal: unavailable ?? why };
  }

  async #pass(asked: RecordedRequest, decision: Decision): Promise<Verdict> {
    const unavailable = await this.#options.recorder.askStrictly(asked);
    if (unavailable !== undefined) return { pass: false, request: asked.number, refusal: unavailable };
    return { pass: true, request: asked.number, decision };
  }

  async #ask(asked: RecordedRequest, decision: Decision): Promise<Verdict> {
    const answer = await this.#options.hold(decision.publicText);
    if (answer === "approved") return this.#pass(asked, decision);
    return this.#refuse(asked, withRule(answer, decision));
  }
}

function readsDurableFirst(plan: ActivePlan, connection: ConnectionRef): boolean {
  return plan.connection(connection)?.spec.trail?.reads === "durableFirst";
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

// A statement that runs ten thousand times is one request, and what follows from it is found once.
const describe = remembered(describeRequest);
const carriedOut = remembered((decision: Decision) => refuseUnsupported(decision, SUPPORTED));

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
