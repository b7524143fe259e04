/** The authority as one replica lives with it: keeps the Secret, and changes its own certificate when that is due. */
import { errorFields, type Log } from "#runtime/log.ts";
import type { WebhookConfiguration } from "../config/settings.ts";
import type { Kube } from "../kube/client.ts";
import { type Clock, pause } from "../kube/clock.ts";
import type { AuthorityRecord } from "./record.ts";
import { type AuthoritySecret, keepAuthority } from "./secret.ts";
import { type Serving, nextServing, notServing } from "./serving.ts";

export interface AuthorityOptions {
  readonly kube: Kube;
  readonly secret: AuthoritySecret;
  readonly names: readonly string[];
  /** As they are in the cluster now; empty as long as one of ours is missing or nothing is known. */
  readonly configurations: () => readonly WebhookConfiguration[];
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Authority {
  readonly record: AuthorityRecord;
  readonly certificate: Serving["certificate"];
  /** Which authority the certificate is by. */
  readonly signer: Serving["signer"];
  /** Called when the record or the certificate is another. Returns what stops that. */
  onChange(listener: () => void): () => void;
  /** Looks at the configurations again: something about them has changed. */
  reconsider(): void;
  notReady(): string | undefined;
  /** Resolves when the signal has ended it. */
  readonly ended: Promise<void>;
}

/** How soon a Secret that was changed or deleted is noticed. A wait for years in one timer would be set back by every suspended host. */
const LOOK_MS = 15_000;

/** Resolves once there is an authority and a certificate by it. */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const { kube, secret, names, configurations, clock, log, signal } = options;
  const listeners = new Set<() => void>();
  let record = await keepAuthority(kube, secret, undefined, clock.wallMs(), { signal });
  const surroundings = (): Parameters<typeof nextServing>[1] => ({
    record,
    configurations: configurations(),
    names,
    nowMs: clock.wallMs(),
  });
  let serving = nextServing(undefined, surroundings());
  const tell = (): void => {
    for (const listener of listeners) listener();
  };

  function reconsider(): void {
    const before = serving;
    serving = nextServing(before, surroundings());
    if (serving.certificate === before.certificate) return;
    log.info("serving with a new certificate", { isNewAuthority: serving.signer !== before.signer });
    tell();
  }

  async function look(): Promise<void> {
    try {
      const before = record;
      record = await keepAuthority(kube, secret, before, clock.wallMs(), { signal });
      if (record.current.certificatePem !== before.current.certificatePem)
        log.info("there is a new certificate authority");
      if (
        record.current.certificatePem !== before.current.certificatePem ||
        record.previousPem !== before.previousPem
      )
        tell();
    } catch (error) {
      if (signal.aborted) return;
      // What there is goes on for months: the next look may find the API server again.
      log.warn("the Secret of the certificate authority cannot be looked at", errorFields(error));
    }
    reconsider();
  }

  async function keep(): Promise<void> {
    while (await pause(clock, LOOK_MS, signal)) await look();
  }
  return {
    get record() {
      return record;
    },
    get certificate() {
      return serving.certificate;
    },
    get signer() {
      return serving.signer;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    reconsider,
    notReady: () => notServing(serving, surroundings()),
    ended: keep(),
  };
}
