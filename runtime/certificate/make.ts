/**
 * A certificate authority of our own and certificates by it (RFC 5280), for listeners that were given none. One profile: P-256
 * keys, SHA-256, names as subjectAltName.
 */
import {
  type KeyObject,
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { isIP } from "node:net";
import { ipv4Bytes, ipv6Bytes } from "../address.ts";
import {
  type Der,
  TRUE,
  bits,
  explicit,
  implicit,
  integer,
  octets,
  oid,
  sequence,
  set,
  utcTime,
  utf8,
} from "./der.ts";

export interface Certified {
  readonly certificatePem: string;
  readonly keyPem: string;
}

const ECDSA_WITH_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));
const COMMON_NAME = oid("2.5.4.3");
const ORGANIZATION = oid("2.5.4.10");
const SERVER_AUTHENTICATION = oid("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTHENTICATION = oid("1.3.6.1.5.5.7.3.2");
const EXTENSION = {
  subjectKeyIdentifier: oid("2.5.29.14"),
  keyUsage: oid("2.5.29.15"),
  subjectAltName: oid("2.5.29.17"),
  basicConstraints: oid("2.5.29.19"),
  authorityKeyIdentifier: oid("2.5.29.35"),
  extendedKeyUsage: oid("2.5.29.37"),
} as const;
/** Bits from the left: keyCertSign is 5 and cRLSign is 6, digitalSignature is 0. */
const SIGNS_CERTIFICATES = bits(Uint8Array.of(0b0000_0110), 1);
const SIGNS_HANDSHAKES = bits(Uint8Array.of(0b1000_0000), 7);
const SERIAL_BYTES = 16;
/** Clocks of clients differ from ours. */
const BACKDATED_MS = 5 * 60_000;

export function makeAuthority(name: string, nowMs: number, validMs: number): Certified {
  const { privateKey, publicKey } = newKeys();
  const identifier = identifierOf(publicKey);
  const certificatePem = certify({
    issuer: { commonName: name },
    subject: { commonName: name },
    publicKey,
    signedWith: privateKey,
    fromMs: nowMs - BACKDATED_MS,
    untilMs: nowMs + validMs,
    extensions: [
      extension(EXTENSION.basicConstraints, sequence(TRUE, integer(Uint8Array.of(0))), true),
      extension(EXTENSION.keyUsage, SIGNS_CERTIFICATES, true),
      extension(EXTENSION.subjectKeyIdentifier, octets(identifier)),
    ],
  });
  return { certificatePem, keyPem: pemOf(privateKey) };
}

/** `names`: host names and addresses. */
export function makeCertificate(
  authority: Certified,
  names: readonly string[],
  nowMs: number,
  validMs: number,
): Certified {
  const usage = [
    extension(EXTENSION.extendedKeyUsage, sequence(SERVER_AUTHENTICATION)),
    extension(EXTENSION.subjectAltName, sequence(...names.map(alternativeName))),
  ];
  return certifyBy(authority, { commonName: names[0] ?? "" }, usage, { nowMs, validMs });
}

/** For a client: the user is the common name, and its groups are organizations, as Kubernetes reads them. */
export function makeClientCertificate(
  authority: Certified,
  subject: { readonly commonName: string; readonly organizations: readonly string[] },
  nowMs: number,
  validMs: number,
): Certified {
  const usage = [extension(EXTENSION.extendedKeyUsage, sequence(CLIENT_AUTHENTICATION))];
  return certifyBy(authority, subject, usage, { nowMs, validMs });
}

/** For a key that its holder keeps: its name is a URI, and it is good for clients alone. Ends no later than its authority. */
export function certifyClientKey(
  authority: Certified,
  {
    commonName,
    uri,
    publicKey,
  }: { readonly commonName: string; readonly uri: string; readonly publicKey: KeyObject },
  nowMs: number,
  validMs: number,
): string {
  const usage = [
    extension(EXTENSION.extendedKeyUsage, sequence(CLIENT_AUTHENTICATION)),
    extension(EXTENSION.subjectAltName, sequence(implicit(URI, Buffer.from(uri, "latin1")))),
  ];
  return certifyKeyBy(authority, { subject: { commonName }, publicKey, usage }, { nowMs, validMs });
}

export interface OwnKey extends Certified {
  /** PKCS#10 (RFC 2986), in PEM. */
  readonly requestPem: string;
  readonly publicKey: KeyObject;
}

/** A new key, a certificate for a client that nobody but the key has signed, and a request for one that somebody could. */
export function makeOwnKey(commonName: string, nowMs: number, validMs: number): OwnKey {
  const { privateKey, publicKey } = newKeys();
  const subject = { commonName };
  const certificatePem = certify({
    issuer: subject,
    subject,
    publicKey,
    signedWith: privateKey,
    fromMs: nowMs - BACKDATED_MS,
    untilMs: nowMs + validMs,
    extensions: [
      extension(EXTENSION.keyUsage, SIGNS_HANDSHAKES, true),
      extension(EXTENSION.extendedKeyUsage, sequence(CLIENT_AUTHENTICATION)),
    ],
  });
  const noAttributes = explicit(0, new Uint8Array());
  const asked = sequence(
    integer(Uint8Array.of(0)),
    nameOf(subject),
    publicKey.export({ type: "spki", format: "der" }),
    noAttributes,
  );
  const requestPem = signedPem("CERTIFICATE REQUEST", asked, privateKey);
  return { certificatePem, keyPem: pemOf(privateKey), requestPem, publicKey };
}

interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
}

function certifyBy(
  authority: Certified,
  subject: Subject,
  usage: readonly Der[],
  { nowMs, validMs }: { readonly nowMs: number; readonly validMs: number },
): Certified {
  const { privateKey, publicKey } = newKeys();
  const certificatePem = certifyKeyBy(authority, { subject, publicKey, usage }, { nowMs, validMs });
  return { certificatePem, keyPem: pemOf(privateKey) };
}

function certifyKeyBy(
  authority: Certified,
  { subject, publicKey, usage }: Pick<Content, "subject" | "publicKey"> & { readonly usage: readonly Der[] },
  { nowMs, validMs }: { readonly nowMs: number; readonly validMs: number },
): string {
  const issuer = new X509Certificate(authority.certificatePem);
  return certify({
    issuer: { commonName: commonNameOf(issuer) },
    subject,
    publicKey,
    signedWith: createPrivateKey(authority.keyPem),
    fromMs: nowMs - BACKDATED_MS,
    untilMs: Math.min(nowMs + validMs, issuer.validToDate.getTime()),
    extensions: [
      extension(EXTENSION.basicConstraints, sequence(), true),
      extension(EXTENSION.keyUsage, SIGNS_HANDSHAKES, true),
      ...usage,
      extension(EXTENSION.authorityKeyIdentifier, sequence(implicit(0, identifierOf(issuer.publicKey)))),
    ],
  });
}

interface Content {
  readonly issuer: Subject;
  readonly subject: Subject;
  readonly publicKey: KeyObject;
  readonly signedWith: KeyObject;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly extensions: readonly Der[];
}

function certify({ issuer, subject, publicKey, signedWith, fromMs, untilMs, extensions }: Content): string {
  const unsigned = sequence(
    explicit(0, integer(Uint8Array.of(2))),
    integer(randomBytes(SERIAL_BYTES)),
    ECDSA_WITH_SHA256,
    nameOf(issuer),
    sequence(utcTime(fromMs), utcTime(untilMs)),
    nameOf(subject),
    publicKey.export({ type: "spki", format: "der" }),
    explicit(3, sequence(...extensions)),
  );
  return signedPem("CERTIFICATE", unsigned, signedWith);
}

function signedPem(label: string, unsigned: Der, signedWith: KeyObject): string {
  const whole = sequence(unsigned, ECDSA_WITH_SHA256, bits(sign("sha256", unsigned, signedWith)));
  const lines =
    Buffer.from(whole)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

function newKeys(): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "prime256v1" });
}

function pemOf(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

function nameOf({ commonName, organizations = [] }: Subject): Der {
  return sequence(
    ...organizations.map((organization) => set(sequence(ORGANIZATION, utf8(organization)))),
    set(sequence(COMMON_NAME, utf8(commonName))),
  );
}

function commonNameOf({ subject }: X509Certificate): string {
  return subject.replace(/^CN=/, "");
}

function extension(id: Der, value: Der, isCritical = false): Der {
  return sequence(id, ...(isCritical ? [TRUE] : []), octets(value));
}

/** The hash of the bits of the public key (RFC 5280, section 4.2.1.2, method 1). */
function identifierOf(publicKey: KeyObject): Uint8Array {
  const spki = publicKey.export({ type: "spki", format: "der" });
  // A P-256 key is its last 65 bytes: an uncompressed point.
  return createHash("sha1").update(spki.subarray(-65)).digest();
}

const DNS_NAME = 2;
const URI = 6;
const IP_ADDRESS = 7;

function alternativeName(name: string): Der {
  switch (isIP(name)) {
    case 4:
      return implicit(IP_ADDRESS, ipv4Bytes(name));
    case 6:
      return implicit(IP_ADDRESS, ipv6Bytes(name));
    default:
      return implicit(DNS_NAME, Buffer.from(name, "latin1"));
  }
}
