/** From the claims of a verified token to an identity that policies can match: bounded, flat, own properties only. */
import type { ClaimValue } from "#core/policy/facts.ts";
import { claimTexts } from "#core/policy/subject.ts";
import type { Refusal } from "#core/values/refusal.ts";
import { printable } from "./json.ts";
import { invalid } from "./token.ts";

const CLAIMS_MAX = 128;
const NAME_CHARS_MAX = 256;
const VALUE_CHARS_MAX = 4096;
const LIST_ITEMS_MAX = 512;

/** Protocol plumbing of a login, without meaning for a policy; kept out so that it does not live on in the trail. */
const DROPPED = new Set(["nonce", "at_hash", "c_hash", "s_hash", "cnf"]);

export type Claims = Readonly<Record<string, ClaimValue>>;

/**
 * Objects are left out: a policy compares texts, and there is no text that an object is equal to. So are numbers that
 * JSON cannot hold exactly. What is too large refuses the token as a whole: half an identity is another identity.
 */
export function readClaims(
  payload: Readonly<Record<string, unknown>>,
): { readonly claims: Claims } | Refusal {
  const entries = Object.entries(payload).filter(([name]) => !DROPPED.has(name));
  if (entries.length > CLAIMS_MAX) return invalid(`the token has more than ${CLAIMS_MAX} claims`);
  const kept: [string, ClaimValue][] = [];
  for (const [name, value] of entries) {
    if (name.length > NAME_CHARS_MAX) return invalid("a claim of the token has too long a name");
    const read = readValue(value);
    if (read === "too large") return invalid(`the claim ${printable(name)} of the token is too large`);
    if (read !== undefined) kept.push([name, read.value]);
  }
  return { claims: Object.fromEntries(kept) };
}

function readValue(value: unknown): { readonly value: ClaimValue } | "too large" | undefined {
  if (typeof value === "string") return value.length > VALUE_CHARS_MAX ? "too large" : { value };
  if (typeof value === "boolean") return { value };
  if (typeof value === "number") return isExact(value) ? { value } : undefined;
  if (!Array.isArray(value)) return undefined;
  if (value.length > LIST_ITEMS_MAX) return "too large";
  const texts = value.filter((item) => typeof item === "string");
  return texts.some((text) => text.length > VALUE_CHARS_MAX) ? "too large" : { value: texts };
}

/** Two large numbers that differ in the token may be one in JavaScript. */
function isExact(value: number): boolean {
  return !Number.isInteger(value) || Number.isSafeInteger(value);
}

/** The first claim that the provider demands and the token does not bring, in words. */
export function missingClaim(
  required: Readonly<Record<string, string>> | undefined,
  claims: Claims,
): Refusal | undefined {
  for (const [name, value] of Object.entries(required ?? {})) {
    if (!claimTexts(claims, name).includes(value)) {
      return invalid(
        `the token's claim ${printable(name)} is not ${printable(value)}, which its provider requires`,
      );
    }
  }
  return undefined;
}
