/** Tokens as an attacker, or a careless issuer, would make them: every byte is chosen by the test. */
import { createHmac, createPublicKey, sign } from "node:crypto";
import type { JWK } from "jose";

const encode = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** Strings are taken as the JSON itself, so that it can be such as no serializer makes. */
export function signed(header: unknown, payload: unknown, key: JWK): Buffer {
  const text = `${encode(header)}.${encode(payload)}`;
  const signature = sign("sha256", Buffer.from(text), { key: key as never, format: "jwk" });
  return Buffer.from(`${text}.${signature.toString("base64url")}`);
}

/** The published key taken for a shared secret: what a verifier that believes the header falls for. */
export function signedWithPublicKey(payload: unknown, key: JWK): Buffer {
  const pem = createPublicKey({ key, format: "jwk" }).export({ type: "spki", format: "pem" });
  const text = `${encode({ alg: "HS256", typ: "JWT", kid: key.kid })}.${encode(payload)}`;
  return Buffer.from(`${text}.${createHmac("sha256", pem).update(text).digest("base64url")}`);
}

export function unsigned(payload: unknown, signature: string): Buffer {
  return Buffer.from(`${encode({ alg: "none", typ: "JWT" })}.${encode(payload)}.${signature}`);
}
