/**
 * The broker's certificate authorities, as replicas share them. A new one is trusted for a day before it signs, and an old one for
 * a day after, so that whoever trusts what was published yesterday still finds every replica trustworthy.
 */
import { X509Certificate } from "node:crypto";
import { type Certified, makeAuthority } from "#runtime/certificate/make.ts";

/** The oldest first; never empty. */
export type AuthorityRecord = readonly [Certified, ...Certified[]];

const DAY_MS = 24 * 60 * 60_000;
export const AUTHORITY_VALID_MS = 2 * 365 * DAY_MS;
/** An authority, like a certificate, is replaced after this part of its life. */
export const LIFE_USED = 2 / 3;
/** Published trust reaches a running pod within minutes; a day leaves room for whatever stands in its way. */
const OVERLAP_MS = DAY_MS;

/** What has to be stored: the same value when nothing has to. */
export function nextRecord(stored: AuthorityRecord | undefined, nowMs: number): AuthorityRecord {
  if (stored === undefined) return [madeAt(nowMs)];
  const [first, ...others] = stored;
  const newest = others.at(-1) ?? first;
  if (usedUp(newest.certificatePem) <= nowMs) return [...stored, madeAt(nowMs)];
  return stored.length > 1 && ageMs(newest, nowMs) >= 2 * OVERLAP_MS ? [newest] : stored;
}

/** The newest that has been trusted for long enough; the only one in any case. */
export function signerOf(record: AuthorityRecord, nowMs: number): Certified {
  return record.findLast((one) => ageMs(one, nowMs) >= OVERLAP_MS) ?? record[0];
}

/** All that are trusted, in PEM. */
export function bundleOf(record: AuthorityRecord): string {
  return record.map(({ certificatePem }) => certificatePem).join("");
}

/** When so much of its life is over that it has to be replaced. */
export function usedUp(certificatePem: string): number {
  const { validFromDate, validToDate } = new X509Certificate(certificatePem);
  return validFromDate.getTime() + (validToDate.getTime() - validFromDate.getTime()) * LIFE_USED;
}

function ageMs({ certificatePem }: Certified, nowMs: number): number {
  return nowMs - new X509Certificate(certificatePem).validFromDate.getTime();
}

function madeAt(nowMs: number): Certified {
  // Two authorities of one name would be told apart by their keys alone, which not every verifier does well.
  return makeAuthority(`Sallyport broker ${new Date(nowMs).toISOString()}`, nowMs, AUTHORITY_VALID_MS);
}
