/** A certificate authority for one run, and what it issues. */
import { type Certified, makeAuthority as newAuthority, makeCertificate } from "#runtime/certificate/make.ts";

export interface Certificate {
  readonly certPem: string;
  readonly keyPem: string;
}
export interface Authority {
  readonly certPem: string;
  /** For host names and addresses. */
  issue(...names: readonly string[]): Certificate;
}

const VALID_MS = 2 * 24 * 3_600_000;

export function makeAuthority(): Authority {
  const authority = newAuthority("authority of this run", Date.now(), VALID_MS);
  return {
    certPem: authority.certificatePem,
    issue: (...names) => pems(makeCertificate(authority, names, Date.now(), VALID_MS)),
  };
}

function pems({ certificatePem, keyPem }: Certified): Certificate {
  return { certPem: certificatePem, keyPem };
}
