/** Answers the pod's questions about names out of the plan. None of them is ever asked of anybody else. */
import { answerQuestion } from "#core/wire/dns/answer.ts";
import type { Question } from "#core/wire/dns/question.ts";
import { questionOrAnswer } from "#core/wire/dns/refuse.ts";
import { type NameOutcome, type NameTools, judgeName } from "./judge.ts";

export type Outcome = NameOutcome | "malformed" | "no-plan" | "rate";

export interface NameServiceOptions extends Omit<NameTools, "isKnown"> {
  /** The names that there are; waits for the first plan as long as one may be on its way. Undefined: there is none. */
  readonly names: () => Promise<ReadonlySet<string> | undefined>;
  /** Known without any plan. */
  readonly own: string;
  /** For askers that understand it, where there is no plan. */
  readonly whyNoPlan: () => string;
  readonly nowMs: () => number;
}

export interface Answered {
  readonly outcome: Outcome;
  /** Undefined where nothing must be said. */
  readonly answer: Buffer | undefined;
}

export interface NameService {
  answer(query: Buffer): Promise<Answered>;
}

/** Of all containers of the pod together: what a program does in need, and far below what would keep the gateway busy. */
const QUESTIONS_PER_SECOND = 1_000;
/** That wait for a plan. */
const WAITING_MAX = 256;

export function openNameService(options: NameServiceOptions): NameService {
  const { names, own, whyNoPlan } = options;
  const mayAsk = rate(QUESTIONS_PER_SECOND, options.nowMs);
  let waiting = 0;
  return {
    async answer(query) {
      // Silence costs whoever floods a time-out, and us nothing.
      if (!mayAsk() || waiting >= WAITING_MAX) return { outcome: "rate", answer: undefined };
      const read = questionOrAnswer(query);
      if (read === undefined || "answer" in read) return { outcome: "malformed", answer: read?.answer };
      const { question } = read;
      // With the endings that resolvers try before it as it is.
      const isOwn = question.name === own || question.name?.startsWith(`${own}.`) === true;
      if (isOwn) return judged(query, question, { ...options, isKnown: (name) => name === own });
      waiting += 1;
      const known = await names().finally(() => (waiting -= 1));
      if (known !== undefined)
        return judged(query, question, { ...options, isKnown: (name) => known.has(name) });
      const answer = answerQuestion(query, question, { code: "refused", why: whyNoPlan() });
      return { outcome: "no-plan", answer };
    },
  };
}

function judged(query: Buffer, question: Question, tools: NameTools): Answered {
  const { outcome, answer } = judgeName(question, tools);
  return { outcome, answer: answerQuestion(query, question, answer) };
}

/** A bucket that fills evenly and holds one second's worth. */
function rate(perSecond: number, nowMs: () => number): () => boolean {
  let tokens = perSecond;
  let atMs = nowMs();
  return () => {
    const now = nowMs();
    tokens = Math.min(perSecond, tokens + ((now - atMs) * perSecond) / 1_000);
    atMs = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}
