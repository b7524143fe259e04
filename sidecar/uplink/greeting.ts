/** From nothing to a connection whose broker has greeted: dialled, introduced, welcome. */
import { type Hello, type Push, type Welcome } from "#core/port/port.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { type Carrier, NotWelcome } from "./carrier.ts";
import { Link } from "./link.ts";

export interface Greeted {
  readonly link: Link;
  readonly welcome: Welcome;
  /** From then on another connection should take its place. */
  readonly replaceInMs: number | undefined;
}

export interface GreetingOptions {
  readonly carrier: Carrier;
  readonly hello: Hello;
  readonly onPush: (push: Push) => void;
  /** Of a link that was welcome. */
  readonly onLost: (link: Link, cause: Error | undefined) => void;
}

/** How long a broker that has accepted may take to greet. */
const WELCOME_MS_MAX = 10_000;

/** Rejects when no broker could be had, or none that would have us; nothing is open then. */
export async function greet(
  { carrier, hello, onPush, onLost }: GreetingOptions,
  signal: AbortSignal,
): Promise<Greeted> {
  const { stream, replaceInMs, unwelcome } = await carrier.dial(signal);
  const { promise, resolve, reject } = Promise.withResolvers<Welcome>();
  let isWelcome = false;
  const link = new Link({
    stream,
    onPush,
    onEnd: (cause) => {
      if (isWelcome) return onLost(link, cause);
      unwelcome?.(cause);
      reject(cause ?? new Error("it closed the connection"));
    },
  });
  const late = setTimeout(() => link.end(new Error("the broker does not greet")), WELCOME_MS_MAX);
  const stop = (): void => link.end(signal.reason as Error);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  link.call("hello", hello, (outcome) => {
    if ("fault" in outcome) return link.end(new Error("the broker failed at the greeting"));
    if (isRefusal(outcome.answer)) return link.end(new NotWelcome(outcome.answer));
    isWelcome = true;
    resolve(outcome.answer);
  });
  try {
    return { link, welcome: await promise, replaceInMs };
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", stop);
  }
}
