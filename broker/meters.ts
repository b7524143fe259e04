/** What the broker counts as it goes. */
import { isRefusal, type Refusal, type RefusalCode } from "#core/values/refusal.ts";

/** `token`: by `POST /oauth2/token`. */
export type ExchangeOperation = "exchange" | "renew" | "token";
export type Outcome = RefusalCode | "GRANTED";

export interface BrokerMeters {
  exchanged(operation: ExchangeOperation, outcome: Outcome, seconds: number): void;
  enrolled(outcome: Outcome): void;
  /** A data plane has put another plan in force than before. */
  applied(seconds: number): void;
}

export const NO_METERS: BrokerMeters = {
  exchanged: () => undefined,
  enrolled: () => undefined,
  applied: () => undefined,
};

export async function measuredExchange<Granted extends object>(
  meters: BrokerMeters,
  operation: ExchangeOperation,
  work: () => Promise<Granted | Refusal>,
): Promise<Granted | Refusal> {
  const startMs = performance.now();
  const answer = await work();
  meters.exchanged(operation, outcomeOf(answer), (performance.now() - startMs) / 1000);
  return answer;
}

export function outcomeOf(answer: object): Outcome {
  return isRefusal(answer) ? answer.code : "GRANTED";
}
