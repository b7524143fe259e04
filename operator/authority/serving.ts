/**
 * Which certificate one replica serves with. A replica signs its own, in memory, and takes to a new authority only when every
 * webhook configuration has been trusting it for a while: then no API server is left that would turn it down.
 */
import { type Certified, makeCertificate } from "#runtime/certificate/make.ts";
import type { WebhookConfiguration } from "../config/settings.ts";
import { fingerprintOf, trusts } from "./bundle.ts";
import { type AuthorityRecord, ageMs, isDue } from "./record.ts";

export interface Serving {
  readonly signer: Certified;
  readonly certificate: Certified;
  /** Since when this replica has seen the authority of the record trusted by all configurations. */
  readonly trusted?: { readonly fingerprint: string; readonly sinceMs: number };
}

/** What is known at the moment. */
export interface Surroundings {
  readonly record: AuthorityRecord;
  /** Those that are there; all of ours when none is missing. */
  readonly configurations: readonly WebhookConfiguration[];
  readonly names: readonly string[];
  readonly nowMs: number;
}

const DAY_MS = 24 * 60 * 60_000;
export const CERTIFICATE_VALID_MS = 7 * DAY_MS;
/** API servers learn of a changed configuration by a watch: within a second, or later when they are busy. */
export const SETTLE_MS = 60_000;
/** An authority of that age is no news to anybody; certificates are dated back by five minutes. */
const LONG_MS = 10 * 60_000;

export function nextServing(before: Serving | undefined, now: Surroundings): Serving {
  const { current } = now.record;
  const trusted = trustOf(before, now);
  if (before === undefined) return signed(current, trusted, now);
  const isNew = fingerprintOf(before.signer.certificatePem) !== fingerprintOf(current.certificatePem);
  const isBetter = isSettled(trusted, now) || !isTrustedByAll(before.signer, now);
  if (isNew && isTrustedByAll(current, now) && isBetter) return signed(current, trusted, now);
  if (isDue(before.certificate, now.nowMs)) return signed(before.signer, trusted, now);
  return withTrust(before, trusted);
}

/** In words: why this replica should not be asked yet. */
export function notServing({ signer, trusted }: Serving, now: Surroundings): string | undefined {
  if (!isTrustedByAll(signer, now))
    return "the webhook configurations do not trust our certificate yet: whoever leads fills in their caBundle";
  const isCurrent = fingerprintOf(signer.certificatePem) === trusted?.fingerprint;
  if (isCurrent && !isSettled(trusted, now))
    return "the API servers may not have seen yet that the webhook configurations trust our certificate";
  return undefined;
}

function isTrustedByAll({ certificatePem }: Certified, { configurations }: Surroundings): boolean {
  return configurations.length > 0 && configurations.every((each) => trusts(each, certificatePem));
}

function trustOf(serving: Serving | undefined, now: Surroundings): Serving["trusted"] {
  const { current, previousPem } = now.record;
  const before = serving?.trusted;
  const fingerprint = fingerprintOf(current.certificatePem);
  const isSame = before?.fingerprint === fingerprint;
  // Once all API servers have known it, they know it again as soon as it is back.
  if (!isTrustedByAll(current, now)) return isSame && isSettled(before, now) ? before : undefined;
  if (isSame) return before;
  // The only one that is trusted cannot be waited for; and what a new process finds in place is no news, if it is old.
  const isOld = serving === undefined && ageMs(current, now.nowMs) > LONG_MS;
  return { fingerprint, sinceMs: isOld || previousPem === undefined ? now.nowMs - SETTLE_MS : now.nowMs };
}

function isSettled(trusted: Serving["trusted"], { nowMs }: Surroundings): boolean {
  return trusted !== undefined && nowMs - trusted.sinceMs >= SETTLE_MS;
}

function signed(signer: Certified, trusted: Serving["trusted"], { names, nowMs }: Surroundings): Serving {
  const certificate = makeCertificate(signer, names, nowMs, CERTIFICATE_VALID_MS);
  return withTrust({ signer, certificate }, trusted);
}

function withTrust({ signer, certificate }: Serving, trusted: Serving["trusted"]): Serving {
  return trusted === undefined ? { signer, certificate } : { signer, certificate, trusted };
}
