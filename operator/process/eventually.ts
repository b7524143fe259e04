/** What has to work before anything else can: tried until it does, since an API server that is away comes back. */
import { errorFields, type Log } from "#runtime/log.ts";
import { type Clock, backoff, pause } from "../kube/clock.ts";

const FIRST_MS = 250;
const MAX_MS = 5_000;

/** Rejects only when the signal aborts. */
export async function eventually<T>(
  what: string,
  attempt: () => Promise<T>,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<T> {
  const pauses = backoff(FIRST_MS, MAX_MS, Math.random);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      log.warn(`could not ${what}, trying again`, errorFields(error));
    }
    await pause(clock, pauses.next(), signal);
    signal.throwIfAborted();
  }
}
