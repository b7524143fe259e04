/**
 * Evaluates the CEL rules of the schemas, the same texts that the Kubernetes API server evaluates. A rule that
 * cannot be evaluated counts as broken: nothing passes because of a fault in a rule.
 */
import { Environment, type ParseResult } from "@marcbachmann/cel-js";
import type { Rule } from "./schema.ts";

const environment = new Environment({ unlistedVariablesAreDyn: true });
const parsed = new Map<string, ParseResult>();

export type Verdict = "holds" | "broken" | { readonly fault: string };

/** `self` in the form that `celValue` makes. */
export function evaluateRule({ rule }: Rule, self: unknown): Verdict {
  try {
    let evaluate = parsed.get(rule);
    if (evaluate === undefined) {
      evaluate = environment.parse(rule);
      parsed.set(rule, evaluate);
    }
    return evaluate({ self }) === true ? "holds" : "broken";
  } catch (cause) {
    return { fault: cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause) };
  }
}

/** CEL knows whole numbers as a type of their own, and names that are words of CEL are written differently. */
export function celValue(value: unknown): unknown {
  if (typeof value === "number") return BigInt(value);
  if (Array.isArray(value)) return value.map(celValue);
  if (typeof value !== "object" || value === null) return value;
  // The author's own keys (labels, claims) are data to CEL, not names; such maps come without a prototype.
  const isMap = Object.getPrototypeOf(value) === null;
  const held: Record<string, unknown> = Object.create(null);
  for (const [key, inner] of Object.entries(value)) held[isMap ? key : celName(key)] = celValue(inner);
  return held;
}

const CEL_WORDS = new Set(
  "true false null in as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);

/** Only fields of the schemas come here, so the table stays small. */
const celNames = new Map<string, string>();

function celName(name: string): string {
  const known = celNames.get(name);
  if (known !== undefined) return known;
  const made = CEL_WORDS.has(name)
    ? `__${name}__`
    : name
        .replaceAll("__", "__underscores__")
        .replaceAll(".", "__dot__")
        .replaceAll("-", "__dash__")
        .replaceAll("/", "__slash__");
  celNames.set(name, made);
  return made;
}
