/**
 * The keys of a session's record, made while it is still found out whose session it is: both wait for the disk, and neither for the
 * other. Only where that is as good as known; else anybody who is turned away would have left keys on the disk.
 */
import type { SessionId } from "#core/port/port.ts";
import type { Refusal } from "#core/values/refusal.ts";
import type { SessionKeys, Trail } from "./trail/trail.ts";

export interface KeysAhead {
  readonly keys: Promise<SessionKeys | Refusal>;
  /** It was somebody else after all: there is no such session. */
  drop(): Promise<void>;
}

export function keysAhead(
  trail: Pick<Trail, "openSession" | "declareLost">,
  session: SessionId,
  signal: AbortSignal,
): KeysAhead {
  const keys = trail.openSession(session, signal);
  // Whoever needs them hears of it; where nobody does any more, it is no matter.
  keys.catch(() => undefined);
  return {
    keys,
    async drop() {
      await keys;
      // Nothing of it is on record, so all that happens is that its keys are wiped.
      await trail.declareLost(session, signal);
    },
  };
}
