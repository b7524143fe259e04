/**
 * Names in rules: `public.orders`, `public.*`, `sales."Odd Name"`. A bare part is written as
 * PostgreSQL stores it, in lower case: a bare `public.Orders` would silently never match the table `orders`, so it is
 * an error; quotes say that the capitals are meant.
 */
import type { Report } from "../../shape.ts";

export type PartPattern = { readonly kind: "any" } | { readonly kind: "exact"; readonly text: string };

export interface NamePattern {
  readonly schema: PartPattern;
  readonly name: PartPattern;
}

const PATTERN_CHARS_MAX = 400;
/** NAMEDATALEN - 1: PostgreSQL cuts longer names, so that a longer pattern could never match. */
const NAME_BYTES_MAX = 63;

const IDENTIFIER = /^[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*$/u;
const QUOTED_OR_BARE = /"(?:[^"]|"")*"|[^."]+/y;

/** The operator `*`, told apart from the star that means every name; no name holds a NUL. */
export const STAR_OPERATOR = "\0*";

interface Form {
  readonly count: number;
  readonly form: string;
  /** What the last part names; those before it are a schema, or a schema and a table. */
  readonly last: "relation" | "code";
}

const TABLE: Form = { count: 2, form: "schema.table, such as public.orders or public.*", last: "relation" };
const CODE: Form = { count: 2, form: "schema.function, such as public.refresh_totals", last: "code" };
const COLUMN: Form = { count: 3, form: "schema.table.column, such as public.users.email", last: "relation" };

const ANY: PartPattern = { kind: "any" };

/** A table: exactly `schema.name`. */
export function parseTablePattern(text: string, path: string, report: Report): NamePattern | undefined {
  const parts = parseParts(text, TABLE, path, report);
  return parts?.[0] && parts[1] ? { schema: parts[0], name: parts[1] } : undefined;
}

/** Code: `schema.function`, a type, or a quoted operator; `pg_catalog."*"` is one operator, `pg_catalog.*` is all. */
export function parseCodePattern(text: string, path: string, report: Report): NamePattern | undefined {
  const parts = parseParts(text, CODE, path, report);
  return parts?.[0] && parts[1] ? { schema: parts[0], name: parts[1] } : undefined;
}

/** A masked column, `schema.table.column`; and no star for the column. */
export function parseColumnPattern(
  text: string,
  path: string,
  report: Report,
): { schema: string; table: string; column: string } | undefined {
  const parts = parseParts(text, COLUMN, path, report);
  if (parts === undefined) return undefined;
  const [schema, table, column] = parts;
  if (!schema || !table || !column) return undefined;
  if (column.kind !== "exact") {
    report(path, `"${text}" must name one column; a star is taken for the schema and the table only`);
    return undefined;
  }
  return { schema: textOrStar(schema), table: textOrStar(table), column: column.text };
}

function textOrStar(part: PartPattern): string {
  return part.kind === "any" ? "*" : part.text;
}

function parseParts(
  text: string,
  { count, form, last }: Form,
  path: string,
  report: Report,
): PartPattern[] | undefined {
  const raw = text.length > PATTERN_CHARS_MAX ? undefined : splitParts(text);
  if (raw?.length !== count) {
    report(path, `"${shorten(text)}" must have the form ${form}`);
    return undefined;
  }
  const parts = raw.map((part, index) => parsePart(part, index === count - 1 ? last : "relation"));
  const wrong = parts.find((part) => typeof part === "string");
  if (wrong !== undefined) {
    report(path, `"${text}": ${wrong}`);
    return undefined;
  }
  return parts.filter((part) => typeof part !== "string");
}

function splitParts(text: string): string[] | undefined {
  const parts: string[] = [];
  let at = 0;
  while (true) {
    QUOTED_OR_BARE.lastIndex = at;
    const part = QUOTED_OR_BARE.exec(text)?.[0];
    if (part === undefined) return undefined;
    parts.push(part);
    at += part.length;
    if (at === text.length) return parts;
    if (text[at] !== ".") return undefined;
    at += 1;
  }
}

/** A pattern, or a sentence that says what is wrong with it. */
function parsePart(part: string, of: "relation" | "code"): PartPattern | string {
  if (part === "*") return ANY;
  if (part.startsWith('"')) return parseQuoted(part.slice(1, -1).replaceAll('""', '"'), of);
  if (!IDENTIFIER.test(part)) {
    return /[A-Z]/.test(part)
      ? `PostgreSQL stores an unquoted ${part} as ${part.toLowerCase()}; write that, or put the name in double quotes if the capitals are meant`
      : `${part} is not a name; put it in double quotes if it really is spelled so`;
  }
  if (isTooLong(part)) return `${part} is longer than the ${NAME_BYTES_MAX} bytes of a PostgreSQL name`;
  return { kind: "exact", text: part };
}

function parseQuoted(name: string, of: "relation" | "code"): PartPattern | string {
  if (name === "") return "a name cannot be empty";
  if (name.includes("\0")) return "a name cannot hold a NUL character";
  if (name === "*") {
    if (of === "code") return { kind: "exact", text: STAR_OPERATOR };
    return 'an object named "*" is never understood, so no rule can speak of it';
  }
  if (isTooLong(name))
    return `the quoted name is longer than the ${NAME_BYTES_MAX} bytes of a PostgreSQL name`;
  return { kind: "exact", text: name };
}

function isTooLong(name: string): boolean {
  // A UTF-16 unit takes at most three bytes.
  return name.length > NAME_BYTES_MAX / 3 && new TextEncoder().encode(name).length > NAME_BYTES_MAX;
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
