/**
 * The broker is told what the cluster's objects come to, whenever that is something else. Certificate authorities are looked at now
 * and then besides: the broker may read them by name and not watch them.
 */
import type { Broker } from "#broker/broker.ts";
import type { BrokerConfig } from "#broker/config.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import type { Desired } from "../desired/desired.ts";
import type { DesiredWatch } from "../desired/watch.ts";
import { type Clock, backoff, pause } from "../kube/clock.ts";
import { type AuthoritiesOptions, readAuthorities } from "./authorities.ts";

export interface FeedOptions extends AuthoritiesOptions {
  readonly desired: DesiredWatch;
  readonly broker: Pick<Broker, "update">;
  /** Whom the broker itself takes for the API server; it may change. */
  readonly apiServerPem: () => Promise<string | undefined>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Feed {
  /** What the broker goes by; undefined before the first. */
  readonly inForce: Desired | undefined;
  readonly ended: Promise<void>;
}

const LOOK_EVERY_MS = 15_000;
const AGAIN_MS = [100, 5_000] as const;

export function feedBroker(options: FeedOptions): Feed {
  const { desired, broker, clock, log, signal, systemNamespace } = options;
  let inForce: Desired | undefined;
  let authoritiesInForce = "";
  let wake = Promise.withResolvers<void>();
  const stop = desired.onReading(() => wake.resolve());
  const pauses = backoff(...AGAIN_MS, Math.random);

  async function tell(): Promise<void> {
    const next = await desired.fresh(signal);
    const authorities = await readAuthorities(next.loaded, options, { signal });
    const apiServerPem = await options.apiServerPem();
    const text = JSON.stringify([apiServerPem, ...authorities]);
    if (next === inForce && text === authoritiesInForce) return;
    const config: BrokerConfig = {
      loaded: next.loaded,
      listeners: {},
      authorities,
      authoritiesIn: "cluster",
      systemNamespace,
      apiServerPem,
    };
    broker.update(config);
    inForce = next;
    authoritiesInForce = text;
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      wake = Promise.withResolvers();
      try {
        await tell();
        pauses.reset();
        await Promise.race([wake.promise, pause(clock, LOOK_EVERY_MS, signal)]);
      } catch (error) {
        if (signal.aborted) return;
        log.error("what shall be could not be brought into force", errorFields(error));
        await pause(clock, pauses.next(), signal);
      }
    }
  }
  const ended = run().finally(stop);
  return {
    get inForce() {
      return inForce;
    },
    ended,
  };
}
