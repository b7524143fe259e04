import { loadModule, parseSync, type ScanToken, scanSync, SqlError } from "libpg-query";
import { withoutComments } from "#core/statements/postgres/comments.ts";
import type { Dice } from "./dice.ts";

await loadModule();

/**
 * The same statement in other spelling: whitespace and nested comments between the tokens, case of keywords, quoted and
 * unicode-escaped identifiers, escape strings and dollar quotes. The text must be one that PostgreSQL can read.
 */
export function disguise(sql: string, dice: Dice): string {
  const tokens = scanSync(sql).tokens.filter(({ tokenName }) => !tokenName.endsWith("_COMMENT"));
  let out = "";
  let end = 0;
  tokens.forEach((token, index) => {
    const spelling = spell(token, tokens[index + 1], dice);
    const joined = token.start === end && spelling === token.text;
    out += gap(joined, gapChoices(tokens[index - 1], token), dice) + spelling;
    end = token.end;
  });
  return out;
}

/** Whether PostgreSQL finds a statement in the text; libpg_query throws its own way at an empty one. */
export function isReadable(sql: string): boolean {
  // It stops at a NUL, where PostgreSQL refuses the whole text.
  if (sql.trim() === "" || sql.includes("\0")) return false;
  try {
    return (parseSync(sql).stmts ?? []).length > 0;
  } catch (error) {
    if (error instanceof SqlError) return false;
    throw error;
  }
}

/** The parse tree without positions: two texts with the same one mean the same. */
export function meaningOf(sql: string): string {
  return JSON.stringify(treeOf(sql), (key, value: unknown) => (POSITION.test(key) ? undefined : value));
}

/** libpg_query refuses comments where PostgreSQL's grammar looks ahead; `comments.test.ts` holds blanking to a real one. */
function treeOf(sql: string): unknown {
  try {
    return parseSync(sql);
  } catch (error) {
    const blanked = error instanceof SqlError ? withoutComments(Buffer.from(sql)) : undefined;
    if (blanked === undefined) throw error;
    return parseSync(Buffer.from(blanked).toString());
  }
}

const POSITION = /location$|^stmt_len$|^(list|rexpr_list)_(start|end)$/;
const SCONST = "SCONST";
const IDENT = "IDENT";

const isString = (token: ScanToken | undefined): boolean =>
  token !== undefined && /^([eEnN]|[uU]&)?'/.test(token.text);

const SPACES = [" ", "  ", "\t"];
const LINE_BREAKS = ["\n", "\r\n", "\f"];
const COMMENTS = [" /* ' */ ", ' /* a /* " */ ; b */ ', " /*--*/ "];
const COMMENTS_WITH_LINES = [" -- it's\n", " --/*\n ", "\n/*\n*/\n"];

function gapChoices(before: ScanToken | undefined, after: ScanToken): readonly string[] {
  // Two strings with a newline between them would become one.
  if (isString(before) && isString(after)) return [...SPACES, ...COMMENTS];
  return [...SPACES, ...COMMENTS, ...LINE_BREAKS, ...COMMENTS_WITH_LINES];
}

function gap(joined: boolean, choices: readonly string[], dice: Dice): string {
  if (joined && dice.roll(2) === 0) return "";
  return choices[dice.roll(choices.length)] ?? " ";
}

function spell(token: ScanToken, next: ScanToken | undefined, dice: Dice): string {
  const { text } = token;
  if (token.keywordKind > 0) return mixCase(text, dice);
  if (token.tokenName === IDENT && /^[A-Za-z_][A-Za-z0-9_]*$/.test(text))
    return spellName(text.toLowerCase(), dice);
  if (token.tokenName === IDENT && /^"[ -!#-[\]-~]+"$/.test(text))
    return dice.pick(text, unicodeName(text.slice(1, -1), dice));
  const escaped = next?.text.toLowerCase() === "uescape";
  if (token.tokenName === SCONST && /^'[ -&(-[\]-~]*'$/.test(text) && !escaped)
    return spellString(text.slice(1, -1), dice);
  return text;
}

function mixCase(text: string, dice: Dice): string {
  return dice.pick(
    text,
    text.toUpperCase(),
    text.toLowerCase(),
    Array.from(text)
      .map((c) => dice.pick(c, c.toUpperCase()))
      .join(""),
  );
}

function spellName(name: string, dice: Dice): string {
  return dice.pick(name, `"${name}"`, unicodeName(name, dice), mixCase(name, dice));
}

function unicodeName(name: string, dice: Dice): string {
  return `U&"${escapeSome(name, dice)}"`;
}

/** Four or six hexadecimal digits, as `U&` strings and names take them. */
function escapeSome(text: string, dice: Dice): string {
  return Array.from(text)
    .map((c) => dice.pick(c, `\\${hex(c, 4)}`, `\\+${hex(c, 6)}`))
    .join("");
}

const hex = (character: string, digits: number): string =>
  (character.codePointAt(0) ?? 0).toString(16).padStart(digits, "0");

function spellString(value: string, dice: Dice): string {
  const octal = (c: string): string => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`;
  const escaped = Array.from(value)
    .map((c) => dice.pick(c, `\\x${hex(c, 2)}`, `\\u${hex(c, 4)}`, octal(c)))
    .join("");
  const tag = value.includes("$") ? "$other$" : dice.pick("$$", "$q$");
  return dice.pick(`'${value}'`, `E'${escaped}'`, `${tag}${value}${tag}`, `U&'${escapeSome(value, dice)}'`);
}
