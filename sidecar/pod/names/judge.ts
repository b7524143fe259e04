/**
 * What is answered to a question about a name. Nothing of it leaves the pod whatever it is, so names cannot carry anything out;
 * one that looks as if it should is worth knowing of all the same.
 */
import type { Answer } from "#core/wire/dns/answer.ts";
import { type Question, TYPE } from "#core/wire/dns/question.ts";
import type { Addresses } from "./virtual.ts";

export type NameOutcome =
  | "answered"
  /** There is such a name, and nothing of the kind that was asked for. */
  | "empty"
  | "unknown"
  /** Long and random, as names are that carry data. */
  | "laden"
  /** More names are in use than have room. */
  | "full";

export interface NameTools {
  readonly isKnown: (name: string) => boolean;
  readonly canonical: (name: string) => string;
  readonly addressesOf: (name: string) => Addresses | undefined;
  readonly hasIpv6: boolean;
}

/** Short, so that whoever asks again later hears of a Connection that went away. */
const TTL_SECONDS = 30;

export function judgeName(
  { name, type, isInternet }: Question,
  { isKnown, canonical, addressesOf, hasIpv6 }: NameTools,
): { readonly outcome: NameOutcome; readonly answer: Answer } {
  const known = name === undefined || !isInternet ? undefined : canonical(name);
  if (known === undefined || !isKnown(known)) {
    if (name !== undefined && isLaden(name))
      return { outcome: "laden", answer: { code: "refused", why: "no name of this pod looks like this" } };
    return { outcome: "unknown", answer: { code: "noSuchName", why: WHY_UNKNOWN } };
  }
  // Hints for encrypted names and for QUIC (HTTPS, SVCB) lead past the gateway: there are none.
  if (type !== TYPE.a && type !== TYPE.aaaa) return { outcome: "empty", answer: { code: "ok" } };
  if (type === TYPE.aaaa && !hasIpv6) return { outcome: "empty", answer: { code: "ok" } };
  const addresses = addressesOf(known);
  if (addresses === undefined) return { outcome: "full", answer: { code: "unavailable" } };
  const address = type === TYPE.a ? addresses.ipv4 : addresses.ipv6;
  return { outcome: "answered", answer: { code: "ok", addresses: [address], ttlSeconds: TTL_SECONDS } };
}

const WHY_UNKNOWN = "no connection that this pod may use has this name";

const LADEN_CHARS_MIN = 32;
/** Names made of words stay below, 20 bytes in base32 do not. */
const LADEN_BITS_MIN = 4.1;
/** Hexadecimal has fewer bits a character than words have; its digits give it away. */
const LADEN_DIGITS_MIN = 0.3;

/** Whether a label, or all of a long name, is as random as data are. */
export function isLaden(name: string): boolean {
  const together = name.replaceAll(".", "");
  return [...name.split("."), ...(name.length > 2 * LADEN_CHARS_MIN ? [together] : [])].some(
    (text) =>
      text.length >= LADEN_CHARS_MIN &&
      (bitsPerCharacter(text) >= LADEN_BITS_MIN || digitsIn(text) >= LADEN_DIGITS_MIN),
  );
}

function digitsIn(text: string): number {
  return text.replaceAll(/\D/g, "").length / text.length;
}

function bitsPerCharacter(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  return [...counts.values()].reduce(
    (sum, count) => sum - (count / text.length) * Math.log2(count / text.length),
    0,
  );
}
