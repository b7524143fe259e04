/** The server's half of SCRAM-SHA-256, written apart from the code under test. */
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { ITERATIONS, PASSWORD, SALT } from "./secrets.ts";

const hmac = (key: Uint8Array, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const USUAL = pbkdf2Sync(PASSWORD, SALT, ITERATIONS, 32, "sha256");

function salted(salt: Buffer, iterations: number): Buffer {
  if (salt.equals(SALT) && iterations === ITERATIONS) return USUAL;
  return pbkdf2Sync(PASSWORD, salt, iterations, 32, "sha256");
}

export interface Exchange {
  /** Without the header of channel binding. */
  readonly clientFirst: string;
  readonly serverFirst: string;
  readonly clientFinal: string;
}

export interface Asked {
  readonly nonce: string;
  readonly salt: Buffer;
  readonly iterations: number;
}

export function readServerFirst(text: string): Asked | undefined {
  const match = /^r=([^,]+),s=([A-Za-z0-9+/=]+),i=(\d+)(?:,|$)/.exec(text);
  if (match === null) return undefined;
  const [, nonce = "", salt = "", iterations = ""] = match;
  return { nonce, salt: Buffer.from(salt, "base64"), iterations: Number(iterations) };
}

export const nonceIn = (clientFirst: string): string => /r=([^,]*)$/.exec(clientFirst)?.[1] ?? "";

/** What a server that knows the password answers, and whether the client knows it; undefined where there is no such exchange. */
export function verified({
  clientFirst,
  serverFirst,
  clientFinal,
}: Exchange): { readonly isProof: boolean; readonly signature: string } | undefined {
  const asked = readServerFirst(serverFirst);
  const match = /^(c=[^,]*,r=([^,]*)),p=(.*)$/.exec(clientFinal);
  if (asked === undefined || match === null) return undefined;
  const [, withoutProof = "", nonce = "", proof = ""] = match;
  const key = salted(asked.salt, asked.iterations);
  const signed = `${clientFirst},${serverFirst},${withoutProof}`;
  const clientKey = hmac(key, "Client Key");
  const mask = hmac(createHash("sha256").update(clientKey).digest(), signed);
  const expected = Buffer.from(clientKey.map((byte, index) => byte ^ (mask[index] ?? 0)));
  return {
    isProof: nonce === asked.nonce && proof === expected.toString("base64"),
    signature: hmac(hmac(key, "Server Key"), signed).toString("base64"),
  };
}
