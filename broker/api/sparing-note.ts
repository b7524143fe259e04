/** Notes that a stranger can cause: one of a kind in a while, with the number of those that were left out. */
import { openSparing } from "#runtime/sparing.ts";
import type { Note, NoteFields, NoteName } from "../note.ts";

const EVERY_MS = 1_000;

export type SparingNote = (name: NoteName, kind: string, fields: NoteFields) => void;

export function sparingNote(note: Note, nowMs: () => number): SparingNote {
  const sparing = openSparing(EVERY_MS, nowMs);
  return (name, kind, fields) =>
    sparing.say(`${name} ${kind}`, (leftOut) => note(name, leftOut === 0 ? fields : { ...fields, leftOut }));
}
