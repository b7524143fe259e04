/** What becomes of one feature of one driver: compared with the same program on the same server without a gateway. */
import { isDeepStrictEqual } from "node:util";

/** What a program said of one feature. */
export type Said =
  | { readonly saw: unknown }
  /** An error that the program did not expect. */
  | { readonly failed: { readonly state: string; readonly text: string } }
  /** The driver has no such thing. */
  | { readonly absent: string };

export type Verdict =
  | { readonly is: "same" }
  | { readonly is: "absent"; readonly why: string }
  /** Other than direct, by a rule that stands in `rules.ts`. */
  | { readonly is: "ruled"; readonly rule: string }
  | { readonly is: "differs"; readonly direct: string; readonly through: string };

/** A difference that is meant: which rule makes it, and what of the driver's words shows that it was that rule. */
export interface Rule {
  readonly name: string;
  readonly shows: RegExp;
}

const TEXT_CHARS_MAX = 600;

export function judge(direct: Said, through: Said, rule: Rule | undefined): Verdict {
  if ("absent" in direct && "absent" in through) return { is: "absent", why: direct.absent };
  // A program that fails without a gateway too has shown nothing.
  const shown = !("failed" in direct) && !("absent" in direct);
  if (shown && rule === undefined && isDeepStrictEqual(direct, through)) return { is: "same" };
  if (shown && rule !== undefined && !isDeepStrictEqual(direct, through) && rule.shows.test(textOf(through)))
    return { is: "ruled", rule: rule.name };
  return { is: "differs", direct: textOf(direct), through: textOf(through) };
}

const textOf = (said: Said): string => JSON.stringify(said).slice(0, TEXT_CHARS_MAX);
