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
  const trusted = trustOf(before?.trusted, now);
  if (before === undefined) return signed(current, trusted, now);
  const isNew = fingerprintOf(before.signer.certificatePem) !== fingerprintOf(current.certificatePem);
  if (isNew && isSettled(trusted, now)) return signed(current, trusted, now);
  if (isDue(before.certificate, now.nowMs)) return signed(before.signer, trusted, now);
  return withTrust(before, trusted);
}

/** In words: why this replica should not be asked yet. */
export function notServing(serving: Serving, now: Surroundings): string | undefined {
  const isTrusted =
    now.configurations.length > 0 &&
    now.configurations.every((configuration) => trusts(configuration, serving.signer.certificatePem));
  if (!isTrusted)
    return "the webhook configurations do not trust our certificate yet: whoever leads fills in their caBundle";
  const isCurrent = fingerprintOf(serving.signer.certificatePem) === serving.trusted?.fingerprint;
  if (isCurrent && !isSettled(serving.trusted, now))
    return "the API servers may not have seen yet that the webhook configurations trust our certificate";
  return undefined;
}

function trustOf(
  before: Serving["trusted"],
  { record, configurations, nowMs }: Surroundings,
): Serving["trusted"] {
  const { current, previousPem } = record;
  const isTrusted =
    configurations.length > 0 &&
    configurations.every((configuration) => trusts(configuration, current.certificatePem));
  if (!isTrusted) return undefined;
  const fingerprint = fingerprintOf(current.certificatePem);
  if (before?.fingerprint === fingerprint) return before;
  // One that is older than the wait, or the only one there ever was, has been trusted before we looked.
  const isLongSo = before === undefined && (previousPem === undefined || ageMs(current, nowMs) > LONG_MS);
  return { fingerprint, sinceMs: isLongSo ? nowMs - SETTLE_MS : nowMs };
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
