import type { Io } from "./io.ts";

/**
 * One document, indented, with the number of its shape in front. Fields are added without changing the number; a field
 * that goes away or changes its meaning changes it.
 */
export function writeJson(io: Io, content: object): void {
  io.out.write(`${escapedJson({ version: JSON_VERSION, ...content }, 2)}\n`);
}

/** JSON leaves C1 controls and bidirectional marks as they are, and people read it in terminals too. */
export function escapedJson(content: object, indentation?: number): string {
  return JSON.stringify(content, undefined, indentation).replace(UNSAFE, escaped);
}

const JSON_VERSION = 1;

/** Line feeds can only be the indentation's: within a text JSON has escaped them. */
const UNSAFE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function escaped(mark: string): string {
  const units = Array.from({ length: mark.length }, (_, index) => mark.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}
