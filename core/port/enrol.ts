/**
 * How a pod's gateway comes by its certificate: it shows the token that the kubelet gave it and signs that token with the key
 * the certificate shall be for. docs/decisions/0032 says why this is no PKCS#10.
 */
import { type KeyObject, createHash } from "node:crypto";
import { type Refusal, isRefusal } from "../values/refusal.ts";
import { PortViolation, type Shape, objectAt, record, text, whole } from "./shapes.ts";
import { TOKEN_BYTES_MAX, orRefusal } from "./values.ts";

export const ENROL_PATH = "/v1/enrol";
/** A token in JSON, a key and a signature. */
export const ENROL_BYTES_MAX = TOKEN_BYTES_MAX + 4 * 1024;
/** A chain of two certificates, or a refusal. */
export const ENROL_ANSWER_BYTES_MAX = 64 * 1024;

export interface EnrolRequest {
  /** Of the pod, for the broker's audience. */
  readonly token: string;
  /** SPKI DER of a P-256 key, base64url. */
  readonly publicKey: string;
  /** The key's ECDSA signature, with SHA-256 and in DER, of what `enrolMessage` makes of the token; base64url. */
  readonly proof: string;
}
export interface Enrolled {
  /** PEM, the pod's own first. */
  readonly certificate: string;
  readonly expiresMs: number;
}

const BASE64URL = /^[A-Za-z0-9_-]+$/;
const JWT_CHARACTERS = /^[A-Za-z0-9._-]+$/;

const request: Shape<EnrolRequest> = record<EnrolRequest>({
  token: text(TOKEN_BYTES_MAX, JWT_CHARACTERS),
  publicKey: text(256, BASE64URL),
  proof: text(256, BASE64URL),
});
const answer: Shape<Enrolled | Refusal> = orRefusal(
  record<Enrolled>({ certificate: text(ENROL_ANSWER_BYTES_MAX), expiresMs: whole(0) }),
);

/** Throws PortViolation for whatever else it is. */
export function readEnrolRequest(json: unknown): EnrolRequest {
  return request.read(objectAt(json, "enrol"), noParts, "enrol");
}

export function readEnrolAnswer(json: unknown): Enrolled | Refusal {
  const read = answer.read(objectAt(json, "enrolled"), noParts, "enrolled");
  if (!isRefusal(read) && !read.certificate.startsWith("-----BEGIN CERTIFICATE-----"))
    throw new PortViolation("enrolled.certificate", "a certificate in PEM");
  return read;
}

const LABEL = "sallyport/enrol/v1\0";

/** What the key signs: nothing that it could be asked to sign for another purpose, or for another token. */
export function enrolMessage(token: string): Buffer {
  return Buffer.concat([Buffer.from(LABEL, "latin1"), createHash("sha256").update(token, "latin1").digest()]);
}

/** SHA-256 of the key's SPKI, base64url: how a key is called where it is kept. */
export function keyHash(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("base64url");
}

const POD_UID = /^[0-9a-f-]{1,64}$/;
export function isPodUid(text: string): boolean {
  return POD_UID.test(text);
}
const POD_URI = "sallyport://pod/";

/** What a pod's certificate says of whose it is. */
export function podUri(uid: string): string {
  if (!POD_UID.test(uid)) throw new RangeError("not the uid of a pod");
  return `${POD_URI}${uid}`;
}

/** The pod of a certificate whose only name, as Node prints it, is that of a pod. */
export function podOfAltName(subjectAltName: string | undefined): string | undefined {
  const uid = subjectAltName?.startsWith(`URI:${POD_URI}`)
    ? subjectAltName.slice(`URI:${POD_URI}`.length)
    : "";
  return POD_UID.test(uid) ? uid : undefined;
}

const noParts = {
  next: (place: string) => {
    throw new PortViolation(place, "no binary part");
  },
};
