/** The sessions of this worker: how many there may be, who they are, and how one is cancelled or ended from outside. */
import type { SessionReport } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { ActivePlan } from "./plans.ts";
import { type CancelKeys, openCancelKeys } from "./cancel-keys.ts";

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

interface Places {
  readonly byId: Map<string, Place>;
  readonly keys: CancelKeys<Place>;
  leave(place: Place): void;
}

/** One object for both sides, and no closures: there are thousands of them. */
class Place implements Slot {
  occupant: Occupant | undefined;
  readonly #ending = new AbortController();
  readonly #of: Places;
  #cancel: (() => void) | undefined;

  constructor(of: Places) {
    this.#of = of;
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  readonly end = (why: Refusal): void => this.#ending.abort(why);

  issueCancelKey(lengthBytes: number): Uint8Array {
    return this.#of.keys.issue(this, lengthBytes);
  }

  cancels(cancel: () => void): void {
    this.#cancel = cancel;
  }

  cancel(): void {
    this.#cancel?.();
  }

  occupy(occupant: Occupant): void {
    this.occupant = occupant;
    this.#of.byId.set(occupant.id, this);
  }

  [Symbol.dispose](): void {
    this.#of.leave(this);
  }
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
    for (const { occupant, signal, end } of places) {
      if (occupant !== undefined || signal.aborted) continue;
      end(refusal("LIMIT_GATEWAY"));
      return true;
    }
    return false;
  }

  const all: Places = { byId, keys, leave };
  return {
    openSlot() {
      if (places.size >= sessionsMax && !makeRoom()) return undefined;
      const place = new Place(all);
      places.add(place);
      return place;
    },
    cancel: (key) => keys.ownerOf(key)?.cancel(),
    end: (id, why) => byId.get(id)?.end(why),
    endAll: (why) => {
      for (const { end } of places) end(why);
    },
    endUnadmitted: (why) => {
      for (const { end, occupant } of places) if (occupant === undefined) end(why);
    },
    adopt: (plan) => {
      for (const { end, occupant } of places) {
        const refused = occupant?.adopt(plan);
        if (refused !== undefined) end(refused);
      }
    },
    reports: () => [...places].flatMap(({ occupant }) => (occupant === undefined ? [] : [occupant.report()])),
    get count() {
      return places.size;
    },
    empty: () => (places.size === 0 ? Promise.resolve() : new Promise((resolve) => whenEmpty.push(resolve))),
  };
}
