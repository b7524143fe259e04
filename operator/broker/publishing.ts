/** Hands on whom gateways shall trust: the operator copies it into every enforced namespace. */
import type { BrokerAuthority } from "#broker/authority/authority.ts";
import type { Log } from "#runtime/log.ts";
import { AUTHORITY_CONFIG_MAP } from "../names.ts";
import type { Kube } from "../kube/client.ts";
import { type Clock, pause } from "../kube/clock.ts";
import { CONFIG_MAPS } from "../kube/resource.ts";
import { eventually } from "../process/eventually.ts";

export interface PublishingOptions {
  readonly kube: Pick<Kube, "apply">;
  /** The broker's own. */
  readonly namespace: string;
  readonly authority: Pick<BrokerAuthority, "bundlePem" | "onChange">;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Somebody may have deleted it. */
const AGAIN_MS = 5 * 60_000;

/** Resolves when the signal has ended it. */
export async function publishAuthority(options: PublishingOptions): Promise<void> {
  const { kube, namespace, authority, clock, log, signal } = options;
  const { name, member } = AUTHORITY_CONFIG_MAP;
  const apply = (): Promise<unknown> =>
    kube.apply(
      CONFIG_MAPS,
      { metadata: { name, namespace }, data: { [member]: authority.bundlePem } },
      { signal, force: true },
    );
  let changed = Promise.withResolvers<void>();
  const stop = authority.onChange(() => changed.resolve());
  try {
    while (!signal.aborted) {
      changed = Promise.withResolvers();
      await eventually("publish the broker's certificate authority", apply, { clock, log, signal });
      await Promise.race([changed.promise, pause(clock, AGAIN_MS, signal)]);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    stop();
  }
}
