/** Colour, and the one place where text from files and arguments is made safe for a terminal. */

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

export type Paint = (style: Style, text: string) => string;

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const satisfies Record<Style, readonly [number, number]>;

export function painter(colour: boolean): Paint {
  if (!colour) return (_style, text) => text;
  return (style, text) => `\u001b[${CODES[style][0]}m${text}\u001b[${CODES[style][1]}m`;
}

/** FORCE_COLOR wins over NO_COLOR, as it does in Node's own tools; both count only when not empty. */
export function colourWanted(isTerminal: boolean, environment: NodeJS.ProcessEnv): boolean {
  const forced = environment["FORCE_COLOR"];
  if (forced !== undefined && forced !== "") return forced !== "0" && forced !== "false";
  const refused = environment["NO_COLOR"];
  if (refused !== undefined && refused !== "") return false;
  return isTerminal && environment["TERM"] !== "dumb";
}

/**
 * A name or reason out of a file could carry escape sequences, or marks that reorder the line it stands in.
 * They are shown as what they are. Line breaks count as such too: what spans lines is split before.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, (mark) => `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Controls, format characters (the bidirectional ones are among them), line and paragraph separators, surrogates. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
