/** A wait that ends with somebody's signal or after a time, and leaves nothing behind when it is over before either. */

export interface Deadline extends Disposable {
  /** Aborted with the other signal's reason, or with a TimeoutError. */
  readonly signal: AbortSignal;
  /** Counts anew from now on: so long, and no longer. */
  again(withinMs: number): void;
  /** It has been too long already. */
  expire(): void;
}

/**
 * `AbortSignal.any` with `AbortSignal.timeout` says the same, and keeps both until the time has passed: with thousands of sessions these
 * are what is in memory.
 */
export function deadline(outer: AbortSignal, withinMs: number): Deadline {
  const ending = new AbortController();
  const passOn = (): void => ending.abort(outer.reason);
  const expire = (): void => ending.abort(new DOMException("it took too long", "TimeoutError"));
  let timer = setTimeout(expire, withinMs).unref();
  outer.addEventListener("abort", passOn, { once: true });
  if (outer.aborted) passOn();
  return {
    signal: ending.signal,
    again: (nextMs) => {
      clearTimeout(timer);
      timer = setTimeout(expire, nextMs).unref();
    },
    expire,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      outer.removeEventListener("abort", passOn);
    },
  };
}
