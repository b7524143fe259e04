/** What listeners show to clients that ask for TLS: their own files, looked at again and again, or a certificate made here. */
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { X509Certificate, createPrivateKey } from "node:crypto";
import { join } from "node:path";
import type { ListenerPlan } from "#broker/process/messages.ts";
import { type Certified, makeAuthority, makeCertificate } from "#runtime/certificate/make.ts";
import type { ListenerSettings } from "#sidecar/process/messages.ts";
import type { DataFolders } from "./folders.ts";

type Tls = NonNullable<ListenerSettings["tls"]>;

export interface Certificates {
  /** Undefined where nobody asks for TLS: on a unix socket. In words: what is wrong with the files. */
  of(listener: ListenerPlan): Tls | undefined | string;
}

const DAY_MS = 24 * 60 * 60_000;
const AUTHORITY_VALID_MS = 3_650 * DAY_MS;
const CERTIFICATE_VALID_MS = 30 * DAY_MS;
/** Made anew when less than this is left. */
const RENEW_BEFORE_MS = 10 * DAY_MS;
const AUTHORITY_RENEW_BEFORE_MS = 60 * DAY_MS;

export function openCertificates({ tls, caPath }: DataFolders, nowMs: () => number): Certificates {
  const made = new Map<string, Certified>();
  let authority: Certified | undefined;

  function generated({ name, where }: ListenerPlan): Certified {
    const before = made.get(name);
    if (before !== undefined && !endsSoon(before, RENEW_BEFORE_MS, nowMs())) return before;
    authority ??= keptAuthority(join(tls, "authority.pem"), caPath, nowMs());
    const names = new Set(["localhost", "127.0.0.1", "::1", hostname(), ...(hostOf(where) ?? [])]);
    const certificate = makeCertificate(authority, [...names], nowMs(), CERTIFICATE_VALID_MS);
    made.set(name, certificate);
    return certificate;
  }

  return {
    of(listener) {
      if (listener.tls !== undefined) return fromFiles(listener.tls);
      if (listener.where.kind === "socket") return undefined;
      const { certificatePem, keyPem } = generated(listener);
      return { certificatePem, keyPem: Buffer.from(keyPem) };
    },
  };
}

/** Not one that means every address of the host. */
function hostOf(where: ListenerPlan["where"]): readonly string[] | undefined {
  if (where.kind !== "address" || where.host === "0.0.0.0" || where.host === "::") return undefined;
  return [where.host];
}

function fromFiles({
  certificate,
  key,
}: {
  readonly certificate: string;
  readonly key: string;
}): Tls | string {
  try {
    const certificatePem = readFileSync(certificate, "utf8");
    const keyPem = readFileSync(key);
    if (!new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem)))
      return `${key} is not the key of ${certificate}`;
    return { certificatePem, keyPem };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return `${certificate} and ${key} cannot be used: ${error.message}`;
  }
}

/** The same authority over restarts, so that clients that trust it go on trusting. */
function keptAuthority(path: string, caPath: string, nowMs: number): Certified {
  const before = readAuthority(path);
  const kept =
    before === undefined || endsSoon(before, AUTHORITY_RENEW_BEFORE_MS, nowMs)
      ? makeAuthority(`Sallyport on ${hostname()}`, nowMs, AUTHORITY_VALID_MS)
      : before;
  if (kept !== before) replace(path, `${kept.certificatePem}${kept.keyPem}`, 0o600);
  replace(caPath, kept.certificatePem, 0o644);
  return kept;
}

function readAuthority(path: string): Certified | undefined {
  let pem: string;
  try {
    pem = readFileSync(path, "latin1");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const [certificatePem] = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/.exec(pem) ?? [];
  const [keyPem] = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n/.exec(pem) ?? [];
  return certificatePem === undefined || keyPem === undefined ? undefined : { certificatePem, keyPem };
}

function replace(path: string, text: string, mode: number): void {
  writeFileSync(`${path}.new`, text, { mode });
  chmodSync(`${path}.new`, mode);
  renameSync(`${path}.new`, path);
}

function endsSoon({ certificatePem }: Certified, withinMs: number, nowMs: number): boolean {
  return new X509Certificate(certificatePem).validToDate.getTime() - nowMs < withinMs;
}
