/** Looks on the servers themselves for roles of ours that nobody remembers: a journal can be lost with its disk. */
import { type Note, causeOf } from "../../note.ts";
import type { Upstream } from "../source.ts";
import { ROLE_PREFIX, readMark } from "./identity.ts";
import type { Minters } from "./minter.ts";
import { listOurs } from "./taking-back.ts";
import { type Undoing, keyOf, leftoverEntry } from "./undoing.ts";

const ROUND_MS = 10 * 60_000;

export interface JanitorDeps {
  readonly broker: string;
  readonly minters: Minters;
  readonly undo: Undoing;
  readonly isAlive: (role: string) => boolean;
  readonly now: () => number;
  readonly note: Note;
  readonly signal: AbortSignal;
}

export interface Janitor {
  run(upstreams: readonly Upstream[]): void;
  settled(): Promise<void>;
}

export function janitor({ broker, minters, undo, isAlive, now, note, signal }: JanitorDeps): Janitor {
  const dueMs = new Map<string, number>();
  const running = new Set<Promise<void>>();

  async function look(upstream: Upstream, template: string): Promise<void> {
    const connection = keyOf(upstream);
    try {
      const rows = await minters.at(
        upstream,
        async (connectTo) => {
          using admin = await connectTo();
          return await listOurs(admin, ROLE_PREFIX);
        },
        signal,
      );
      for (const { role, mark, longOver } of rows) {
        const read = readMark(mark);
        if (typeof role !== "string" || read?.connection !== connection) continue;
        // Another broker's role is its own affair until it is long over, and then nobody's.
        if ((read.broker !== broker && longOver !== "t") || isAlive(role) || undo.has(role)) continue;
        note("janitor.removed", { role, connection, broker: read.broker });
        undo.add(leftoverEntry(role, template, upstream), upstream);
      }
    } catch (error) {
      note("janitor.failed", { connection, cause: causeOf(error) });
    }
  }

  return {
    run(upstreams) {
      for (const upstream of upstreams) {
        const template = upstream.spec.credential.source?.postgresRole?.template;
        const key = keyOf(upstream);
        if (template === undefined || (dueMs.get(key) ?? 0) > now() || signal.aborted) continue;
        dueMs.set(key, now() + ROUND_MS);
        const work = look(upstream, template).finally(() => running.delete(work));
        running.add(work);
      }
    },
    async settled() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
