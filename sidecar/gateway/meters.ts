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
  /** The same for every session that asks for the same. */
  requests(of: MeteredRequest): RequestMeter;
}

export interface RequestMeter {
  /** Of all requests of which that was decided. Whoever decides one adds it. */
  decided(outcome: Outcome, code: RefusalCode): Count;
  /** How long policy took with a request that the session had not asked before. */
  took(ms: number): void;
  result(counts: ResultCounts): void;
}

export interface Count {
  count: number;
}
