/** A wait that ends with somebody's signal, or one of several, or after a time, and leaves nothing behind when it is over before either. */

export interface Deadline extends Disposable {
  /** Aborted with that signal's reason, or with a TimeoutError. */
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
export function deadline(outer: AbortSignal | readonly AbortSignal[], withinMs: number): Deadline {
  const outers = outer instanceof AbortSignal ? [outer] : outer;
  const ending = new AbortController();
  const passOn = (): void => ending.abort(outers.find(({ aborted }) => aborted)?.reason);
  const expire = (): void => ending.abort(new DOMException("it took too long", "TimeoutError"));
  let timer = setTimeout(expire, withinMs).unref();
  for (const each of outers) each.addEventListener("abort", passOn, { once: true });
  if (outers.some(({ aborted }) => aborted)) passOn();
  return {
    signal: ending.signal,
    again: (nextMs) => {
      clearTimeout(timer);
      timer = setTimeout(expire, nextMs).unref();
    },
    expire,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      for (const each of outers) each.removeEventListener("abort", passOn);
    },
  };
}
