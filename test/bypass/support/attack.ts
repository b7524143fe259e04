/** An attack, tried twice: with nothing of ours in force, where it has to work, and with everything, where it must not. */
import { KubeError } from "#operator/kube/error.ts";
import type { Stage } from "./stage.ts";

export interface Attack {
  readonly name: string;
  /** Whether the attacker got what was wanted. A refusal is thrown, as the client throws it. */
  readonly attempt: (stage: Stage) => Promise<boolean>;
  /** What the refusal says, of field and fix. Left out: it is not refused, but comes to nothing. */
  readonly refusal?: RegExp;
  /** It works with us too, and docs/limits.md says so under this heading. */
  readonly limit?: string;
  /** As like the attack as it can be, and harmless. */
  readonly twin?: (stage: Stage) => Promise<unknown>;
  /** Kubernetes itself refuses it before us: in these words. */
  readonly refusedAnyway?: RegExp;
}

export interface Threat {
  readonly id: string;
  readonly title: string;
  readonly attacks: readonly Attack[];
}

export type Outcome =
  | { readonly kind: "worked" }
  | { readonly kind: "came to nothing" }
  | { readonly kind: "refused"; readonly message: string };

/** What a machine that is too busy comes to is no outcome: whoever is told so tries again, as controllers do. */
const NOT_JUDGED = /could not be judged in time|context deadline exceeded/;
const TRIES_MAX = 5;

export const outcomeOf = (attack: Attack, stage: Stage): Promise<Outcome> =>
  judged(() => outcomeOfOne(attack, stage));

async function judged(act: () => Promise<Outcome>): Promise<Outcome> {
  for (let tries = 1; ; tries += 1) {
    const outcome = await act();
    const isJudged = outcome.kind !== "refused" || !NOT_JUDGED.test(outcome.message);
    if (isJudged || tries === TRIES_MAX) return outcome;
  }
}

async function outcomeOfOne(attack: Attack, stage: Stage): Promise<Outcome> {
  let hasWorked = false;
  try {
    hasWorked = await attack.attempt(stage);
  } catch (error) {
    return { kind: "refused", message: refusalIn(error) };
  }
  return { kind: hasWorked ? "worked" : "came to nothing" };
}

/** Undefined where what is harmless goes through, as it has to. */
export async function twinFault({ twin }: Attack, stage: Stage): Promise<string | undefined> {
  const attempt = async (): Promise<boolean> => {
    await twin?.(stage);
    return true;
  };
  const outcome = await outcomeOf({ name: "twin", attempt }, stage);
  return outcome.kind === "refused" ? `what is harmless is refused: ${outcome.message}` : undefined;
}

/** Said by kubectl, where a client library would throw. */
export class Refused extends Error {}

/** What the API server said; whatever else has happened is thrown on. */
export function refusalIn(error: unknown): string {
  if (error instanceof Refused) return error.message;
  if (error instanceof KubeError && error.status >= 400) return error.message;
  const status: unknown =
    error instanceof Error && "body" in error ? JSON.parse(String(error.body)) : undefined;
  if (typeof status === "object" && status !== null && "message" in status) return String(status.message);
  throw error;
}

/** In words, what is not as it should be with nothing of ours in force; undefined when all is. */
export function faultWithout({ refusedAnyway }: Attack, outcome: Outcome): string | undefined {
  if (refusedAnyway === undefined)
    return outcome.kind === "worked" ? undefined : `the attack proves nothing: ${inWords(outcome)}`;
  return outcome.kind === "refused" && refusedAnyway.test(outcome.message)
    ? undefined
    : `Kubernetes was to refuse it: ${inWords(outcome)}`;
}

export function faultWith({ refusal, refusedAnyway, limit }: Attack, outcome: Outcome): string | undefined {
  if (limit !== undefined)
    return outcome.kind === "worked" ? undefined : `it is a limit no more: ${inWords(outcome)}`;
  const expected = refusal ?? refusedAnyway;
  if (expected === undefined) return outcome.kind === "came to nothing" ? undefined : inWords(outcome);
  return outcome.kind === "refused" && expected.test(outcome.message)
    ? undefined
    : `expected a refusal like ${String(expected)}: ${inWords(outcome)}`;
}

export const inWords = (outcome: Outcome): string =>
  outcome.kind === "refused" ? `refused: ${outcome.message}` : outcome.kind;
