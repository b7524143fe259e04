/** The token that requests of one session bear, asked of the broker when it is needed and wiped with the session. */
import type { Challenge, Proof } from "#core/port/port.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { secretField } from "#core/wire/http/write.ts";

export type Prove = (challenge: Challenge, signal: AbortSignal) => Promise<Proof | Refusal>;

export interface Bearer extends Disposable {
  /** The field for a request's head; the caller wipes it. */
  field(signal: AbortSignal): Promise<Buffer | Refusal>;
  /** The API server did not take it: the next request has another one. */
  refused(): void;
}

/** With less than this left it might end on the way. */
const LEFT_MS_MIN = 30_000;
/** Of one whose end is not known, somebody else may have renewed it since. */
const KEPT_MS_MAX = 60_000;

interface Held {
  readonly token: Uint8Array;
  readonly untilMs: number;
}

export function openBearer(prove: Prove, nowMs: () => number): Bearer {
  let held: Held | undefined;
  const drop = (): void => {
    held?.token.fill(0);
    held = undefined;
  };
  return {
    async field(signal) {
      if (held === undefined || nowMs() >= held.untilMs) {
        const proof = await prove({ kind: "bearer" }, signal);
        if (isRefusal(proof)) return proof;
        drop();
        if (proof.kind !== "bearer") return refusal("CREDENTIAL_UNAVAILABLE");
        const { token, expiresMs } = proof;
        const untilMs = expiresMs === undefined ? nowMs() + KEPT_MS_MAX : expiresMs - LEFT_MS_MIN;
        held = { token, untilMs };
      }
      // It would be another line of the head.
      if (held.token.some((byte) => byte < 0x21 || byte > 0x7e)) return refusal("CREDENTIAL_UNAVAILABLE");
      return secretField("Authorization", "Bearer", held.token);
    },
    refused: drop,
    [Symbol.dispose]: drop,
  };
}
