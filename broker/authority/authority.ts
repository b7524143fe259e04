/** The broker's certificate authority as one replica lives with it: keeps its own certificate, and signs those of pods. */
import { type KeyObject, createPrivateKey, hkdfSync } from "node:crypto";
import { type Certified, certifyClientKey, makeCertificate } from "#runtime/certificate/make.ts";
import { podUri } from "#core/port/enrol.ts";
import { type Note, causeOf } from "../note.ts";
import { type AuthorityRecord, bundleOf, nextRecord, signerOf, usedUp } from "./record.ts";
import type { AuthorityStore } from "./store.ts";

export interface AuthorityOptions {
  readonly store: AuthorityStore;
  /** What data planes call this replica. */
  readonly names: readonly string[];
  readonly now: () => number;
  readonly note: Note;
  readonly signal: AbortSignal;
}

export interface BrokerAuthority {
  /** PEM of all authorities that are trusted: what gateways are given, and whose pods are let in. */
  readonly bundlePem: string;
  readonly certificate: Certified;
  certifyPod(
    uid: string,
    publicKey: KeyObject,
  ): { readonly certificatePem: string; readonly expiresMs: number };
  /** Secrets of that label, the same at every replica: one of each authority, that of the one that signs first. */
  derive(label: string, bytes: number): readonly Buffer[];
  /** Called when bundle or certificate is another. Returns what stops that. */
  onChange(listener: () => void): () => void;
  /** Looks at what is stored; a timer does it all the time. */
  look(): Promise<void>;
}

/** Of a pod's certificate: a stolen key is of no use any longer than that. */
export const POD_CERTIFICATE_MS = 60 * 60_000;
const SERVER_CERTIFICATE_MS = 24 * 60 * 60_000;
const LOOK_EVERY_MS = 60_000;
const ATTEMPTS_MAX = 5;

/** Resolves once there is an authority, and throws when none can be had. */
export async function openAuthority(options: AuthorityOptions): Promise<BrokerAuthority> {
  const { names, now, note, signal } = options;
  const listeners = new Set<() => void>();
  let record = await keep(options);
  let { signer, certificate } = served(record, names, now());

  async function look(): Promise<void> {
    const before = record;
    record = await keep(options);
    const isSigner = signer.certificatePem === signerOf(record, now()).certificatePem;
    const isFresh = isSigner && now() < usedUp(certificate.certificatePem);
    if (!isFresh) ({ signer, certificate } = served(record, names, now()));
    if (isFresh && bundleOf(before) === bundleOf(record)) return;
    for (const listener of listeners) listener();
  }
  const timer = setInterval(() => {
    look().catch((error: unknown) => {
      // What there is goes on for months: the next look may find the store again.
      if (!signal.aborted) note("authority.failed", { cause: causeOf(error) });
    });
  }, LOOK_EVERY_MS).unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });

  return {
    get bundlePem() {
      return bundleOf(record);
    },
    get certificate() {
      return certificate;
    },
    certifyPod(uid, publicKey) {
      const nowMs = now();
      const subject = { commonName: uid, uri: podUri(uid), publicKey };
      const certificatePem = certifyClientKey(signerOf(record, nowMs), subject, nowMs, POD_CERTIFICATE_MS);
      return { certificatePem, expiresMs: nowMs + POD_CERTIFICATE_MS };
    },
    derive(label, bytes) {
      const first = signerOf(record, now());
      const others = record.filter((one) => one !== first);
      return [first, ...others].map((one) => derivedSecret(one, label, bytes));
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    look,
  };
}

function served(record: AuthorityRecord, names: readonly string[], nowMs: number) {
  const signer = signerOf(record, nowMs);
  return { signer, certificate: makeCertificate(signer, names, nowMs, SERVER_CERTIFICATE_MS) };
}

/** What is in force after this: as stored, or newly made. Whoever is second takes what the first has made. */
async function keep({ store, now, signal }: AuthorityOptions): Promise<AuthorityRecord> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const stored = await store.load(signal);
    const wanted = nextRecord(stored?.record, now());
    if (wanted === stored?.record || (await store.store(wanted, stored, signal))) return wanted;
  }
  throw new Error("the broker's authority was changed by others each time that it was to be stored");
}

/** HKDF (RFC 5869) over the authority's key: of use to nobody who does not have that. */
function derivedSecret({ keyPem }: Certified, label: string, bytes: number): Buffer {
  const key = createPrivateKey(keyPem).export({ type: "pkcs8", format: "der" });
  const secret = Buffer.from(hkdfSync("sha256", key, "", label, bytes));
  key.fill(0);
  return secret;
}
