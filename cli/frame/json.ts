import type { Io } from "./io.ts";

/**
 * One document, indented, with the number of its shape in front. Fields are added without changing the number; a field
 * that goes away or changes its meaning changes it.
 */
export function writeJson(io: Io, content: object): void {
  io.out.write(`${JSON.stringify({ version: JSON_VERSION, ...content }, undefined, 2)}\n`);
}

const JSON_VERSION = 1;
