/** The sessions of this worker: how many there may be, who they are, and how one is cancelled or ended from outside. */
import type { SessionReport } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { ActivePlan } from "./plans.ts";
import { openCancelKeys } from "./cancel-keys.ts";

/** What is known of a session once it has been admitted. */
export interface Occupant {
  readonly id: string;
  report(): SessionReport;
  /** Everything is decided anew; a refusal ends the session. */
  adopt(plan: ActivePlan): Refusal | undefined;
}

/** One connection's place, from accept to close. */
export interface Slot extends Disposable {
  /** Fires when the session has to end; its reason is the Refusal that the client is told. */
  readonly signal: AbortSignal;
  readonly end: (why: Refusal) => void;
  issueCancelKey(lengthBytes: number): Uint8Array;
  cancels(cancel: () => void): void;
  occupy(occupant: Occupant): void;
}

export interface Sessions {
  /** Undefined when the worker carries as many as it may. Of those that are not admitted yet, the one that came first makes room. */
  openSlot(): Slot | undefined;
  /** Cancels the statement of whoever owns the key; a guess changes nothing. */
  cancel(key: Uint8Array): void;
  end(id: string, why: Refusal): void;
  endAll(why: Refusal): void;
  /** Those that are not admitted yet: nothing of theirs would be lost. */
  endUnadmitted(why: Refusal): void;
  adopt(plan: ActivePlan): void;
  reports(): readonly SessionReport[];
  readonly count: number;
  /** Resolves when none is left. */
  empty(): Promise<void>;
}

interface Place {
  readonly ending: AbortController;
  cancel: (() => void) | undefined;
  occupant: Occupant | undefined;
}

export function openSessions(worker: number, sessionsMax: number): Sessions {
  const places = new Set<Place>();
  const byId = new Map<string, Place>();
  const keys = openCancelKeys<Place>(worker);
  let whenEmpty: (() => void)[] = [];

  function leave(place: Place): void {
    places.delete(place);
    keys.withdraw(place);
    if (place.occupant !== undefined) byId.delete(place.occupant.id);
    if (places.size > 0) return;
    for (const resolve of whenEmpty) resolve();
    whenEmpty = [];
  }

  /** Else whoever opens connections and says nothing would keep everybody else out. */
  function makeRoom(): boolean {
    for (const { occupant, ending } of places) {
      if (occupant !== undefined || ending.signal.aborted) continue;
      ending.abort(refusal("LIMIT_GATEWAY"));
      return true;
    }
    return false;
  }

  return {
    openSlot() {
      if (places.size >= sessionsMax && !makeRoom()) return undefined;
      const place: Place = { ending: new AbortController(), cancel: undefined, occupant: undefined };
      places.add(place);
      return {
        signal: place.ending.signal,
        end: (why) => place.ending.abort(why),
        issueCancelKey: (lengthBytes) => keys.issue(place, lengthBytes),
        cancels: (cancel) => {
          place.cancel = cancel;
        },
        occupy: (occupant) => {
          place.occupant = occupant;
          byId.set(occupant.id, place);
        },
        [Symbol.dispose]: () => leave(place),
      };
    },
    cancel: (key) => keys.ownerOf(key)?.cancel?.(),
    end: (id, why) => byId.get(id)?.ending.abort(why),
    endAll: (why) => {
      for (const place of places) place.ending.abort(why);
    },
    endUnadmitted: (why) => {
      for (const { ending, occupant } of places) if (occupant === undefined) ending.abort(why);
    },
    adopt: (plan) => {
      for (const place of places) {
        const refused = place.occupant?.adopt(plan);
        if (refused !== undefined) place.ending.abort(refused);
      }
    },
    reports: () => [...places].flatMap(({ occupant }) => (occupant === undefined ? [] : [occupant.report()])),
    get count() {
      return places.size;
    },
    empty: () => (places.size === 0 ? Promise.resolve() : new Promise((resolve) => whenEmpty.push(resolve))),
  };
}
