/** What a worker counts. The runner says what happened; how it is shown is nobody's business here. */
import type { Outcome } from "#core/policy/decision.ts";
import type { ConnectionRef } from "#core/policy/facts.ts";
import type { RefusalCode } from "#core/values/refusal.ts";
import type { ResultCounts } from "../protocols/protocol.ts";
import type { Listener } from "./listener.ts";

/** Where a client arrived. */
export type MeteredListener = Pick<Listener, "name" | "connection">;
/** What requests are made to, and in which words. */
export interface MeteredRequest {
  readonly protocol: string;
  readonly connection: ConnectionRef;
}

export interface Meters {
  /** A client left with a refusal before it had a session. */
  turnedAway(listener: MeteredListener, code: RefusalCode): void;
  opened(listener: MeteredListener): void;
  ended(listener: MeteredListener, code: string): void;
  decided(request: MeteredRequest, outcome: Outcome, code: RefusalCode, tookMs: number): void;
  result(request: MeteredRequest, counts: ResultCounts): void;
}
