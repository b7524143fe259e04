/** What a worker counts. The runner says what happened; how it is shown is nobody's business here. */
import type { Outcome } from "#core/policy/decision.ts";
import type { RefusalCode } from "#core/values/refusal.ts";
import type { ResultCounts } from "../protocols/protocol.ts";

export interface Meters {
  /** A client left with a refusal before it had a session. */
  turnedAway(listener: string, code: RefusalCode): void;
  opened(listener: string): void;
  ended(listener: string, code: string): void;
  decided(protocol: string, outcome: Outcome, code: RefusalCode, tookMs: number): void;
  result(protocol: string, counts: ResultCounts): void;
}
