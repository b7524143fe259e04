/** What was refused to this pod lately, kept so that its agent can ask why. */
import { randomBytes } from "node:crypto";
import type { Refusal } from "#core/values/refusal.ts";

export interface NotedRefusal {
  /** Short, for people to type. */
  readonly id: string;
  readonly atMs: number;
  readonly refusal: Refusal;
  /** A Connection, or where the client wanted to go. */
  readonly about: string;
  /** How often it was refused; `atMs` is the last time. */
  readonly count: number;
}

export interface Refusals {
  /** Its id. */
  note(refusal: Refusal, about: string): string;
  /** Newest first. */
  recent(): readonly NotedRefusal[];
  find(id: string): NotedRefusal | undefined;
}

const KEPT_MAX = 64;
const ID_BYTES = 4;

export function openRefusals(nowMs: () => number): Refusals {
  const kept = new Map<string, NotedRefusal>();
  const alike = ({ refusal, about }: NotedRefusal): string =>
    JSON.stringify([refusal.code, refusal.rule, about]);
  const ids = new Map<string, string>();
  return {
    note(refusal, about) {
      const fresh = { id: randomBytes(ID_BYTES).toString("hex"), atMs: nowMs(), refusal, about, count: 1 };
      const key = alike(fresh);
      const known = kept.get(ids.get(key) ?? "");
      // An agent that tries again and again is not to push out everything else.
      const noted = known === undefined ? fresh : { ...fresh, id: known.id, count: known.count + 1 };
      kept.delete(noted.id);
      kept.set(noted.id, noted);
      ids.set(key, noted.id);
      const [oldest] = kept.values();
      if (kept.size > KEPT_MAX && oldest !== undefined) {
        kept.delete(oldest.id);
        ids.delete(alike(oldest));
      }
      return noted.id;
    },
    recent: () => [...kept.values()].toReversed(),
    find: (id) => kept.get(id),
  };
}
