/**
 * The pod's own certificate authority. Clients that insist on TLS are shown certificates of it, for whatever name they asked for.
 * It is believed in this pod alone, its key never leaves the gateway, and both end with the pod.
 */
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { type SecureContext, createSecureContext, rootCertificates } from "node:tls";
import { type Certified, makeAuthority, makeCertificate } from "#runtime/certificate/make.ts";
import { TLS_FLOOR } from "#runtime/tls-floor.ts";
import { spellings } from "./names/spelling.ts";
import { readState, writeState } from "./state.ts";

export interface PodAuthority {
  /** For TLS with a client that asked for this host: a canonical name, or an address. */
  contextFor(host: string): SecureContext;
  readonly certificatePem: string;
}

export interface AuthorityOptions {
  readonly pod: { readonly name: string; readonly namespace: string };
  /** Of gateways alone. */
  readonly stateFolder: string;
  /** Read by the pod's other containers. */
  readonly bundleFolder: string;
  readonly nowMs: () => number;
}

const YEAR_MS = 365 * 24 * 60 * 60_000;
/** Longer than any pod. */
const AUTHORITY_MS = 10 * YEAR_MS;
const LEAF_MS = 24 * 60 * 60_000;
const CONTEXTS_MAX = 256;
const STATE_FILE = "authority.json";
export const BUNDLE_FILE = "ca.pem";
/** Of X.509: longer common names are refused by some. */
const COMMON_NAME_CHARS_MAX = 64;

/** When it returns, the bundle is in place. */
export function openAuthority(options: AuthorityOptions): PodAuthority {
  const { pod, nowMs } = options;
  const authority = savedAuthority(options) ?? newAuthority(options);
  // What is relayed as it is comes with the upstream's own certificate, and clients read this file in place of their roots.
  const bundle = [authority.certificatePem, ...rootCertificates.map((root) => `${root}\n`)].join("");
  writeState(options.bundleFolder, BUNDLE_FILE, bundle, 0o644);
  const contexts = new Map<string, { readonly context: SecureContext; readonly renewMs: number }>();
  return {
    certificatePem: authority.certificatePem,
    contextFor(host) {
      const known = contexts.get(host);
      contexts.delete(host);
      const entry =
        known !== undefined && nowMs() < known.renewMs ? known : issue(authority, host, pod, nowMs());
      // The one that was used longest ago comes first, and goes first.
      contexts.set(host, entry);
      const [oldest] = contexts.keys();
      if (contexts.size > CONTEXTS_MAX && oldest !== undefined) contexts.delete(oldest);
      return entry.context;
    },
  };
}

function issue(authority: Certified, host: string, { namespace }: AuthorityOptions["pod"], nowMs: number) {
  const names = isIP(host) === 0 ? spellings(host, namespace) : [host];
  const { certificatePem, keyPem } = makeCertificate(authority, names, nowMs, LEAF_MS);
  const context = createSecureContext({ cert: certificatePem, key: keyPem, ...TLS_FLOOR });
  return { context, renewMs: nowMs + LEAF_MS / 2 };
}

function newAuthority({ pod, stateFolder, nowMs }: AuthorityOptions): Certified {
  const name = `Sallyport in pod ${pod.namespace}/${pod.name}`.slice(0, COMMON_NAME_CHARS_MAX);
  const authority = makeAuthority(name, nowMs(), AUTHORITY_MS);
  writeState(stateFolder, STATE_FILE, JSON.stringify(authority), 0o600);
  return authority;
}

/** Containers that run have read the bundle of the gateway before, so that its authority has to stay. */
function savedAuthority({ stateFolder }: AuthorityOptions): Certified | undefined {
  const text = readState(stateFolder, STATE_FILE);
  if (text === undefined) return undefined;
  const { certificatePem, keyPem } = JSON.parse(text) as Certified;
  // Throws for what is none.
  return new X509Certificate(certificatePem).ca ? { certificatePem, keyPem } : undefined;
}
