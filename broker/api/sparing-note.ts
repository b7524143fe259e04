/** Notes that a stranger can cause: one of a kind in a while, with the number of those that were left out. */
import type { Note, NoteFields, NoteName } from "../note.ts";

const EVERY_MS = 1_000;
const KINDS_MAX = 64;

export type SparingNote = (name: NoteName, kind: string, fields: NoteFields) => void;

export function sparingNote(note: Note, nowMs: () => number): SparingNote {
  const kinds = new Map<string, { saidMs: number; leftOut: number }>();
  return (name, kind, fields) => {
    const key = `${name} ${kind}`;
    const now = nowMs();
    const known = kinds.get(key);
    if (known !== undefined && now - known.saidMs < EVERY_MS) {
      known.leftOut += 1;
      return;
    }
    if (known === undefined && kinds.size >= KINDS_MAX) return;
    kinds.set(key, { saidMs: now, leftOut: 0 });
    note(name, known === undefined || known.leftOut === 0 ? fields : { ...fields, leftOut: known.leftOut });
  };
}
