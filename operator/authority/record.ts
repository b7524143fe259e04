/** The certificate authority as it lies in its Secret, and when it gives way to the next. */
import { X509Certificate, createPrivateKey } from "node:crypto";
import { type Certified, makeAuthority } from "#runtime/certificate/make.ts";

export interface AuthorityRecord {
  readonly current: Certified;
  /** Certificate of the one before: trusted until every replica has a certificate by the current one. */
  readonly previousPem?: string;
}

const DAY_MS = 24 * 60 * 60_000;
export const AUTHORITY_VALID_MS = 365 * DAY_MS;
/** An authority and a certificate are replaced after this part of their lives. */
const LIFE_USED = 2 / 3;
/** Replicas switch within minutes; what is kept longer is only one more thing that is trusted. */
const OVERLAP_MS = DAY_MS;

/** Members of the Secret. The first two are those of type kubernetes.io/tls, which other tools know. */
const MEMBERS = { certificate: "tls.crt", key: "tls.key", previous: "previous.crt" } as const;

/** What has to be stored next: the same value when nothing has to. `known`: what this process last saw of it, should it have been deleted. */
export function nextRecord(
  stored: AuthorityRecord | undefined,
  known: AuthorityRecord | undefined,
  nowMs: number,
): AuthorityRecord {
  if (stored === undefined) return madeAfter(known?.current.certificatePem, nowMs);
  if (isDue(stored.current, nowMs)) return madeAfter(stored.current.certificatePem, nowMs);
  const isOverlapOver = ageMs(stored.current, nowMs) > OVERLAP_MS;
  return stored.previousPem !== undefined && isOverlapOver ? { current: stored.current } : stored;
}

export function isDue(certified: Certified, nowMs: number): boolean {
  const { validFromDate, validToDate } = new X509Certificate(certified.certificatePem);
  const lifeMs = validToDate.getTime() - validFromDate.getTime();
  return nowMs >= validFromDate.getTime() + lifeMs * LIFE_USED;
}

export function ageMs({ certificatePem }: Certified, nowMs: number): number {
  return nowMs - new X509Certificate(certificatePem).validFromDate.getTime();
}

function madeAfter(previousPem: string | undefined, nowMs: number): AuthorityRecord {
  // Two authorities of one name would be told apart by their keys alone, which not every verifier does well.
  const name = `Sallyport webhooks ${new Date(nowMs).toISOString()}`;
  const current = makeAuthority(name, nowMs, AUTHORITY_VALID_MS);
  const isTrustworthy =
    previousPem !== undefined && new X509Certificate(previousPem).validToDate.getTime() > nowMs;
  return isTrustworthy ? { current, previousPem } : { current };
}

/** As the API server keeps it: base64. */
export function encodeRecord({ current, previousPem }: AuthorityRecord): Readonly<Record<string, string>> {
  const encoded = (text: string): string => Buffer.from(text, "utf8").toString("base64");
  return {
    [MEMBERS.certificate]: encoded(current.certificatePem),
    [MEMBERS.key]: encoded(current.keyPem),
    ...(previousPem === undefined ? {} : { [MEMBERS.previous]: encoded(previousPem) }),
  };
}

/** Undefined for what is not one of ours, or is broken: it is made anew then. */
export function decodeRecord(
  data: Readonly<Record<string, string>> | undefined,
): AuthorityRecord | undefined {
  const member = (name: string): string | undefined => {
    const encoded = data?.[name];
    return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("utf8");
  };
  const [certificatePem, keyPem] = [member(MEMBERS.certificate), member(MEMBERS.key)];
  const previousPem = member(MEMBERS.previous);
  if (certificatePem === undefined || keyPem === undefined) return undefined;
  if (!isPair(certificatePem, keyPem)) return undefined;
  const current = { certificatePem, keyPem };
  return previousPem !== undefined && isCertificate(previousPem) ? { current, previousPem } : { current };
}

function isPair(certificatePem: string, keyPem: string): boolean {
  if (!isCertificate(certificatePem)) return false;
  try {
    return new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem));
  } catch (error) {
    if (!isOpensslError(error)) throw error;
    return false;
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca;
  } catch (error) {
    if (!isOpensslError(error)) throw error;
    return false;
  }
}

/** Node tells what OpenSSL could not read by an error with a code. */
function isOpensslError(error: unknown): boolean {
  return error instanceof Error && "code" in error;
}
