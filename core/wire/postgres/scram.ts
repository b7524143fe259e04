/**
 * SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL speaks it, in two halves: the data plane reads and writes the
 * messages, the broker alone computes what needs the password. A password is bytes; nothing here makes a string of one.
 */
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from "node:crypto";
import { preparedPassword } from "./saslprep.ts";

export const SCRAM_SHA_256 = "SCRAM-SHA-256";
export const SCRAM_SHA_256_PLUS = "SCRAM-SHA-256-PLUS";
/** What PostgreSQL uses for new verifiers unless told otherwise. */
export const SCRAM_ITERATIONS = 4096;
/** A server may demand any number; more than this costs us more than a second of a core, which is an attack. */
export const SCRAM_ITERATIONS_MAX = 1_000_000;

const MESSAGE_CHARS_MAX = 4096;

/** Which channel binding the client's first message speaks of. */
export type Binding =
  /** The connection is not encrypted, or its certificate has no usable hash. */
  | { readonly kind: "unsupported" }
  /** We could, but the server does not offer it. A server that did offer it takes this for an attack. */
  | { readonly kind: "notOffered" }
  | { readonly kind: "tls-server-end-point"; readonly certificateHash: Uint8Array };

export interface ClientFirst {
  /** Without the GS2 header: what is signed. */
  readonly bare: string;
  readonly message: string;
  /** What `c=` of the final message encodes. */
  readonly channelBinding: Uint8Array;
}

/** `nonce` is random, from the caller: 18 bytes or more. The user name is empty: PostgreSQL takes it from startup. */
export function clientFirst(nonce: Uint8Array, binding: Binding): ClientFirst {
  const header = {
    unsupported: "n,,",
    notOffered: "y,,",
    "tls-server-end-point": "p=tls-server-end-point,,",
  }[binding.kind];
  const bare = `n=,r=${Buffer.from(nonce).toString("base64")}`;
  const data = binding.kind === "tls-server-end-point" ? binding.certificateHash : new Uint8Array();
  return { bare, message: `${header}${bare}`, channelBinding: Buffer.concat([Buffer.from(header), data]) };
}

export interface ServerFirst {
  readonly nonce: string;
  readonly salt: Buffer;
  readonly iterations: number;
}

/** Undefined when the message is not one, its nonce does not continue the client's, or it asks for too much work. */
export function parseServerFirst(text: string, clientFirstBare: string): ServerFirst | undefined {
  if (text.length > MESSAGE_CHARS_MAX) return undefined;
  // Extensions (`m=` in front) must be refused by who does not know them; what comes behind may be ignored.
  const match =
    /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9][0-9]{0,8})(?:,[A-Za-z]=[^\0]*)?$/.exec(
      text,
    );
  const clientNonce = /^n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+)$/.exec(clientFirstBare)?.[1];
  if (match === null || clientNonce === undefined) return undefined;
  const [, nonce = "", salt = "", iterations = ""] = match;
  if (!nonce.startsWith(clientNonce) || nonce.length === clientNonce.length) return undefined;
  const count = Number(iterations);
  if (count > SCRAM_ITERATIONS_MAX) return undefined;
  return { nonce, salt: Buffer.from(salt, "base64"), iterations: count };
}

/** The server's signature from its last message, or undefined when it reports an error instead. */
export function parseServerFinal(text: string): Buffer | undefined {
  const match = /^v=([A-Za-z0-9+/]{43}=)(?:,[A-Za-z]=[^\0]*)?$/.exec(text);
  return match === null ? undefined : Buffer.from(match[1] ?? "", "base64");
}

export function isServerSignature(claimed: Uint8Array, expected: Uint8Array): boolean {
  return claimed.length === expected.length && expected.length === 32 && timingSafeEqual(claimed, expected);
}

export interface ScramChallenge {
  readonly clientFirstBare: string;
  readonly serverFirst: string;
  readonly channelBinding: Uint8Array;
}
export interface ScramProof {
  readonly clientFinal: string;
  readonly serverSignature: Uint8Array;
}

/** The costly step, by itself so that it can be cached per password, salt and iterations, or run on another thread. */
export function saltedPassword(password: Uint8Array, salt: Uint8Array, iterations: number): Buffer {
  const prepared = preparedPassword(password);
  try {
    return pbkdf2Sync(prepared, salt, iterations, 32, "sha256");
  } finally {
    if (prepared !== password) prepared.fill(0);
  }
}

/** Undefined when the challenge is not one that may be answered. Wipes what it derives; the password is the caller's. */
export function scramProof(challenge: ScramChallenge, password: Uint8Array): ScramProof | undefined {
  const server = parseServerFirst(challenge.serverFirst, challenge.clientFirstBare);
  if (server === undefined) return undefined;
  const salted = saltedPassword(password, server.salt, server.iterations);
  try {
    return scramProofOfSalted(challenge, salted);
  } finally {
    salted.fill(0);
  }
}

export function scramProofOfSalted(challenge: ScramChallenge, salted: Uint8Array): ScramProof | undefined {
  const server = parseServerFirst(challenge.serverFirst, challenge.clientFirstBare);
  if (server === undefined) return undefined;
  const withoutProof = `c=${Buffer.from(challenge.channelBinding).toString("base64")},r=${server.nonce}`;
  const signed = `${challenge.clientFirstBare},${challenge.serverFirst},${withoutProof}`;
  const clientKey = hmac(salted, "Client Key");
  const storedKey = sha256(clientKey);
  const serverKey = hmac(salted, "Server Key");
  const proof = hmac(storedKey, signed);
  for (let index = 0; index < proof.length; index += 1)
    proof[index] = (proof[index] as number) ^ (clientKey[index] as number);
  const answer = {
    clientFinal: `${withoutProof},p=${proof.toString("base64")}`,
    serverSignature: hmac(serverKey, signed),
  };
  for (const key of [clientKey, storedKey, serverKey]) key.fill(0);
  return answer;
}

/** What `pg_authid.rolpassword` holds: lets a role be given a password that the server never sees. */
export function scramVerifier(
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number = SCRAM_ITERATIONS,
): string {
  const salted = saltedPassword(password, salt, iterations);
  try {
    return scramVerifierOfSalted(salted, salt, iterations);
  } finally {
    salted.fill(0);
  }
}

/** For a salted password that came from nowhere: drawn at random, it belongs to no password that anybody could type. */
export function scramVerifierOfSalted(salted: Uint8Array, salt: Uint8Array, iterations: number): string {
  const clientKey = hmac(salted, "Client Key");
  const storedKey = sha256(clientKey);
  const serverKey = hmac(salted, "Server Key");
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  const verifier = `SCRAM-SHA-256$${iterations}:${base64(salt)}$${base64(storedKey)}:${base64(serverKey)}`;
  for (const key of [clientKey, storedKey, serverKey]) key.fill(0);
  return verifier;
}

const hmac = (key: Uint8Array, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
