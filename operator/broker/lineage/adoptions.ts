/**
 * Looks again and again at pods with open sessions that may become somebody else's: their owners are of kinds that are not followed, and
 * there are few such pods.
 */
import type { Broker } from "#broker/broker.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import { type Clock, pause } from "../../kube/clock.ts";

export interface AdoptionsOptions {
  readonly broker: Pick<Broker, "recheckAdoptable">;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** A session ends within a second of its pod's change of hands. */
const LOOK_EVERY_MS = 400;

/** Resolves when the signal has ended it. */
export async function recheckAdoptions({ broker, clock, log, signal }: AdoptionsOptions): Promise<void> {
  while (await pause(clock, LOOK_EVERY_MS, signal)) {
    try {
      await broker.recheckAdoptable(signal);
    } catch (error) {
      if (signal.aborted) return;
      log.warn("it could not be looked at whose pods are", errorFields(error));
    }
  }
}
