/** What somebody in between would have two sides agree on. Each of them is taken by OpenSSL where nobody forbids it. */
import type { SecureVersion } from "node:tls";

export interface TlsOffer {
  readonly minVersion: SecureVersion;
  readonly maxVersion: SecureVersion;
  readonly ciphers: string;
}

const EVERYTHING = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";
const twelve = (cipher: string): TlsOffer => ({
  minVersion: "TLSv1.2",
  maxVersion: "TLSv1.2",
  ciphers: `${cipher}:@SECLEVEL=0`,
});

export const WEAK_OFFERS: Readonly<Record<string, TlsOffer>> = {
  "TLS 1.0": { minVersion: "TLSv1", maxVersion: "TLSv1", ciphers: EVERYTHING },
  "TLS 1.1": { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: EVERYTHING },
  "no encryption at all": twelve("NULL-SHA256"),
  "a key of nobody's": twelve("AECDH-AES128-SHA"),
  "a key that opens everything later": twelve("AES128-GCM-SHA256"),
  "a cipher that does not notice changes": twelve("ECDHE-RSA-AES128-SHA"),
};

export const STRONG_OFFERS: Readonly<Record<string, TlsOffer>> = {
  "TLS 1.2 with keys of its own": twelve("ECDHE-RSA-AES128-GCM-SHA256"),
  "TLS 1.3": { minVersion: "TLSv1.3", maxVersion: "TLSv1.3", ciphers: "TLS_AES_128_GCM_SHA256" },
};

export const LAX: TlsOffer = {
  minVersion: "TLSv1",
  maxVersion: "TLSv1.3",
  ciphers: `${EVERYTHING}:TLS_AES_128_GCM_SHA256`,
};
