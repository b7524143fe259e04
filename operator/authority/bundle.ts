/** `caBundle`: which authorities an API server believes when it calls us. */
import { X509Certificate } from "node:crypto";
import type { WebhookConfiguration } from "../config/settings.ts";
import type { AuthorityRecord } from "./record.ts";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The new one first: what is signed by either is believed. */
export function bundleOf({ current, previousPem }: AuthorityRecord): string {
  return Buffer.from([current.certificatePem, previousPem ?? ""].join(""), "utf8").toString("base64");
}

/** Of all of its webhooks, since a certificate has to serve them all. */
export function trusts({ webhooks }: WebhookConfiguration, certificatePem: string): boolean {
  const wanted = fingerprintOf(certificatePem);
  return (
    webhooks.length > 0 &&
    webhooks.every(({ clientConfig }) => fingerprintsIn(clientConfig.caBundle ?? "").has(wanted))
  );
}

export function fingerprintOf(certificatePem: string): string {
  return new X509Certificate(certificatePem).fingerprint256;
}

function fingerprintsIn(caBundle: string): ReadonlySet<string> {
  const pems = Buffer.from(caBundle, "base64").toString("utf8").match(CERTIFICATE) ?? [];
  return new Set(pems.flatMap((pem) => fingerprintIn(pem)));
}

/** Whoever may write the configuration may write anything there. */
function fingerprintIn(pem: string): readonly string[] {
  try {
    return [fingerprintOf(pem)];
  } catch (error) {
    if (error instanceof Error && "code" in error) return [];
    throw error;
  }
}
