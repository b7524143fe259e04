/** Checks single values: text, whole numbers, true and false. */
import type { Findings } from "./findings.ts";
import type { Located, LocatedScalar, Path } from "./located.ts";
import { quoted } from "./located.ts";
import { nearest } from "./nearest.ts";
import { isDateTime, plainType } from "./scalars.ts";
import type { IntegerSchema, StringSchema } from "./schema.ts";
import type { Checked } from "./validate.ts";

const WRONG: Checked = { ok: false };
type Node = Exclude<Located, { kind: "hole" }>;

export function checkText(node: Node, schema: StringSchema, path: Path, findings: Findings): Checked {
  const refuse = (code: string, message: string): Checked => {
    findings.add({ code, start: node.start, path, message });
    return WRONG;
  };
  const wanted = expectation(schema);
  if (node.kind !== "scalar") {
    return refuse("WRONG_TYPE", `expected ${wanted}, found ${node.kind === "map" ? "fields" : "a list"}`);
  }
  const trap = textTrap(node, schema, wanted);
  if (trap?.severity === "error") return refuse(trap.code, trap.message);
  const wrong = textFault(node.text, schema, wanted);
  if (wrong !== undefined) return refuse(wrong.code, wrong.message);
  if (trap !== undefined) findings.add({ ...trap, start: node.start, path });
  return { ok: true, value: node.text };
}

interface Fault {
  readonly code: string;
  readonly message: string;
}

function expectation(schema: StringSchema): string {
  if (schema.enum?.length === 1) return quoted(schema.enum[0] ?? "");
  if (schema.enum !== undefined) return `one of ${schema.enum.join(", ")}`;
  return schema.expects ?? "text";
}

/** Text that some reader of YAML, ours or kubectl's, does not take for text. */
function textTrap(
  { text, plain }: LocatedScalar,
  schema: StringSchema,
  wanted: string,
): (Fault & { readonly severity: "error" | "warning" }) | undefined {
  if (!plain) return undefined;
  const { type, elsewhere } = plainType(text);
  if (type === "null")
    return { severity: "error", code: "WRONG_TYPE", message: `has no value; give ${wanted} or remove it` };
  if (type !== "text") {
    const found = type === "boolean" ? "true or false" : "a number";
    // Quotes do not help where only certain words are allowed.
    const fix = schema.enum === undefined ? `; write ${quoted(text)} in quotes` : "";
    return { severity: "error", code: "WRONG_TYPE", message: `expected ${wanted}, found ${found}${fix}` };
  }
  if (elsewhere === "boolean" || elsewhere === "number") {
    const taken = elsewhere === "boolean" ? "true or false" : "a number";
    const message = `kubectl and other readers take a bare ${text} for ${taken}; write ${quoted(text)} in quotes`;
    return { severity: "error", code: "AMBIGUOUS_TEXT", message };
  }
  if (elsewhere === "date" && schema.format !== "date-time") {
    const message = `some readers take a bare ${quoted(text)} for a date; write it in quotes`;
    return { severity: "warning", code: "AMBIGUOUS_TEXT", message };
  }
  return undefined;
}

function textFault(text: string, schema: StringSchema, wanted: string): Fault | undefined {
  if (schema.enum !== undefined) {
    if (schema.enum.includes(text)) return undefined;
    const near = lookUp(schema.synonyms, text.toLowerCase()) ?? nearest(text, schema.enum);
    const hint = near === undefined || schema.enum.length === 1 ? "" : `; did you mean ${quoted(near)}?`;
    return { code: "WRONG_VALUE", message: `expected ${wanted}, found ${quoted(text)}${hint}` };
  }
  const length = [...text].length;
  const short = length < (schema.minLength ?? 0);
  if (short && length === 0) return { code: "EMPTY", message: `expected ${wanted}, found an empty text` };
  if (length > (schema.maxLength ?? Number.POSITIVE_INFINITY)) {
    return { code: "TOO_LONG", message: `${length} characters; at most ${schema.maxLength} are allowed` };
  }
  const form = !short && (schema.pattern === undefined || patternOf(schema.pattern).test(text));
  if (!form) return { code: "WRONG_FORM", message: `found ${quoted(text)}; expected ${wanted}` };
  if (schema.format === "date-time" && !isDateTime(text)) {
    return { code: "WRONG_FORM", message: `there is no such day: ${quoted(text)}` };
  }
  return undefined;
}

function lookUp(table: Readonly<Record<string, string>> | undefined, key: string): string | undefined {
  return table !== undefined && Object.hasOwn(table, key) ? table[key] : undefined;
}

const patterns = new Map<string, RegExp>();

/** The patterns keep to what RE2, which the API server uses, and JavaScript read alike; a test sees to it. */
function patternOf(source: string): RegExp {
  const known = patterns.get(source);
  if (known !== undefined) return known;
  const made = new RegExp(source, "u");
  patterns.set(source, made);
  return made;
}

export function checkInteger(node: Node, schema: IntegerSchema, path: Path, findings: Findings): Checked {
  const refuse = (code: string, message: string): Checked => {
    findings.add({ code, start: node.start, path, message });
    return WRONG;
  };
  const wanted = `a whole number ${rangeText(schema)}`;
  if (node.kind !== "scalar") {
    return refuse("WRONG_TYPE", `expected ${wanted}, found ${node.kind === "map" ? "fields" : "a list"}`);
  }
  const { text, plain } = node;
  const { type, elsewhere } = plainType(text);
  if (plain && type === "null") return refuse("WRONG_TYPE", `has no value; give ${wanted} or remove it`);
  if (type === "integer" && !plain)
    return refuse("WRONG_TYPE", `expected ${wanted}, found text; remove the quotes`);
  if (plain && (elsewhere === "number" || /^[-+]?0x/.test(text))) {
    return refuse("AMBIGUOUS_NUMBER", `readers disagree about ${quoted(text)}; write plain decimal digits`);
  }
  if (type !== "integer" || !plain) return refuse("WRONG_TYPE", `expected ${wanted}, found ${quoted(text)}`);
  const value = Number(text);
  const { minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER } = schema;
  if (value < minimum || value > maximum)
    return refuse("OUT_OF_RANGE", `expected ${wanted}, found ${quoted(text).slice(1, -1)}`);
  return { ok: true, value };
}

function rangeText({ minimum, maximum }: IntegerSchema): string {
  if (maximum === undefined) return `from ${minimum ?? Number.MIN_SAFE_INTEGER} up`;
  return `from ${minimum ?? Number.MIN_SAFE_INTEGER} to ${maximum}`;
}

export function checkBoolean(node: Node, path: Path, findings: Findings): Checked {
  const refuse = (message: string): Checked => {
    findings.add({ code: "WRONG_TYPE", start: node.start, path, message });
    return WRONG;
  };
  if (node.kind !== "scalar") {
    return refuse(`expected true or false, found ${node.kind === "map" ? "fields" : "a list"}`);
  }
  const { text, plain } = node;
  const { type } = plainType(text);
  if (plain && type === "null") return refuse("has no value; give true or false or remove it");
  if (type === "boolean" && !plain) return refuse("expected true or false, found text; remove the quotes");
  const meant = /^(y|yes|on)$/i.test(text)
    ? "; write true"
    : /^(n|no|off)$/i.test(text)
      ? "; write false"
      : "";
  if (type !== "boolean") return refuse(`expected true or false, found ${quoted(text)}${meant}`);
  return { ok: true, value: text.toLowerCase() === "true" };
}
