/** Where the body of a message ends. Whatever says it twice, or in words that not all understand, is refused. */
import { type Fields, valuesOf } from "./fields.ts";

export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  /** Of responses alone. */
  | { readonly kind: "untilClose" };

export const NO_BODY: Framing = { kind: "none" };

/** Or what is wrong with it. */
export function framingOf(fields: Fields): Framing | string {
  const lengths = valuesOf(fields, "content-length");
  const codings = valuesOf(fields, "transfer-encoding");
  const [length] = lengths;
  const [coding] = codings;
  if (length !== undefined && coding !== undefined) return "both a length and chunks";
  if (lengths.length > 1 || codings.length > 1) return "a length that is said twice";
  if (coding !== undefined)
    return coding.toLowerCase() === "chunked" ? { kind: "chunked" } : "another transfer coding than chunked";
  if (length === undefined) return NO_BODY;
  const bytes = /^\d{1,15}$/.test(length) ? Number(length) : undefined;
  if (bytes === undefined) return "a length that is none";
  return bytes === 0 ? NO_BODY : { kind: "length", bytes };
}
