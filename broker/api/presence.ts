/**
 * Which sessions still have a data plane. One whose data plane has been away for longer than the grace, or no longer
 * speaks of it, is declared lost: its record is ended and its leases are taken back.
 */
import type { SessionId } from "#core/port/port.ts";

export interface PresenceOptions {
  /** How long a data plane may be away, across a restart of either side. */
  readonly graceMs: number;
  readonly nowMs: () => number;
  /** Sessions on record without an end when the broker started. */
  readonly unfinished: readonly SessionId[];
  /** Called again later when it rejects. */
  readonly lost: (session: SessionId) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

export interface Presence extends AsyncDisposable {
  saw(peer: object, session: SessionId): void;
  reported(peer: object, sessions: readonly SessionId[]): void;
  left(peer: object): void;
  /** Declares what is lost by now; runs by itself as long as the presence is open. */
  sweep(): Promise<void>;
}

interface Sighting {
  /** Undefined while no connection speaks for the session. */
  peer: object | undefined;
  lastMs: number;
  /** The peer has sent a report since that does not name it. */
  unnamed: boolean;
}

/** How much longer than its grace a session may stay undeclared, as a part of the grace. */
const SWEEPS_PER_GRACE = 4;

export function openPresence(options: PresenceOptions): Presence {
  const { graceMs, nowMs } = options;
  const sightings = new Map<SessionId, Sighting>();
  for (const session of options.unfinished)
    sightings.set(session, { peer: undefined, lastMs: nowMs(), unnamed: false });

  function saw(peer: object, session: SessionId): void {
    sightings.set(session, { peer, lastMs: nowMs(), unnamed: false });
  }

  async function sweep(): Promise<void> {
    const dueMs = nowMs() - graceMs;
    for (const [session, sighting] of sightings) {
      const away = sighting.peer === undefined || sighting.unnamed;
      if (!away || sighting.lastMs > dueMs) continue;
      try {
        await options.lost(session);
        // Unless it came back meanwhile.
        if (sightings.get(session) === sighting) sightings.delete(session);
      } catch (error) {
        options.failed(error);
      }
    }
  }

  let sweeping: Promise<void> | undefined;
  const timer = setInterval(() => {
    sweeping ??= sweep().finally(() => {
      sweeping = undefined;
    });
  }, graceMs / SWEEPS_PER_GRACE);
  timer.unref();

  return {
    saw,
    sweep,
    reported: (peer, sessions) => {
      const named = new Set(sessions);
      for (const session of named) saw(peer, session);
      for (const [session, sighting] of sightings)
        if (sighting.peer === peer && !named.has(session)) sighting.unnamed = true;
    },
    left: (peer) => {
      for (const sighting of sightings.values()) {
        if (sighting.peer !== peer) continue;
        sighting.peer = undefined;
        sighting.lastMs = nowMs();
      }
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await sweeping;
    },
  };
}
