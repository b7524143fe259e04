/** A token before anybody believes it: its form, and the two facts that are needed to find who could vouch for it. */
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { type JsonObject, readObject } from "./json.ts";

/** Tokens of GitHub, GitLab, Kubernetes and Entra stay below 8 kB. */
export const TOKEN_BYTES_MAX = 16 * 1024;

/** Types that stand for who somebody is. Logout tokens and security events are signed by the same keys (RFC 8725, 3.11). */
const TYPES = new Set(["jwt", "at+jwt", "application/at+jwt", "application/jwt"]);

export interface UnverifiedToken {
  readonly issuer: string;
  readonly algorithm: string;
}

export function readToken(token: Uint8Array): UnverifiedToken | Refusal {
  if (token.length === 0) return refusal("IDENTITY_MISSING", "no token was presented");
  if (token.length > TOKEN_BYTES_MAX) {
    return invalid(`the token has ${token.length} bytes; at most ${TOKEN_BYTES_MAX} are read`);
  }
  const parts = split(token);
  if (parts === undefined) return invalid("what was presented as a token is not a signed JWT");
  const [header, payload] = parts.map(readObject);
  if (typeof header !== "object") return invalid(`the token's header ${header ?? "is missing"}`);
  if (typeof payload !== "object") return invalid(`the token's payload ${payload ?? "is missing"}`);
  return headOf(header, payload);
}

export function invalid(text: string): Refusal {
  return refusal("IDENTITY_INVALID", text);
}

function headOf(header: JsonObject, payload: JsonObject): UnverifiedToken | Refusal {
  const { typ, alg } = header;
  if (typ !== undefined && !(typeof typ === "string" && TYPES.has(typ.toLowerCase()))) {
    return invalid("the token is of a type that does not identify anybody");
  }
  if (typeof alg !== "string") return invalid("the token does not name its signature algorithm");
  const { iss } = payload;
  if (typeof iss !== "string" || iss === "") return invalid("the token does not name its issuer (iss)");
  return { issuer: iss, algorithm: alg };
}

/** Header and payload, decoded; undefined unless it is three parts of base64url. */
function split(token: Uint8Array): readonly [Uint8Array, Uint8Array] | undefined {
  const bytes = Buffer.from(token.buffer, token.byteOffset, token.byteLength);
  const first = bytes.indexOf(".");
  const second = bytes.indexOf(".", first + 1);
  if (first <= 0 || second <= first + 1 || second === bytes.length - 1) return undefined;
  const header = decode(bytes.subarray(0, first));
  const payload = decode(bytes.subarray(first + 1, second));
  const signature = decode(bytes.subarray(second + 1));
  return header && payload && signature ? [header, payload] : undefined;
}

const BASE64URL = /^[A-Za-z0-9_-]+$/;

function decode(part: Buffer): Uint8Array | undefined {
  const text = part.toString("latin1");
  return BASE64URL.test(text) ? Buffer.from(text, "base64url") : undefined;
}
