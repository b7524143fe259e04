/** Roles that have to go: tried until they are gone, whoever left them. */
import type { Journal, JournalEntry } from "../../leases/journal.ts";
import { type Note, causeOf } from "../../note.ts";
import type { Upstream } from "../source.ts";
import type { Minters } from "./minter.ts";
import { takeBackRole } from "./taking-back.ts";

const RETRY_MS_FIRST = 1_000;
const RETRY_MS_MAX = 5 * 60_000;

export interface UndoingDeps {
  readonly journal: Journal;
  readonly minters: Minters;
  readonly now: () => number;
  readonly note: Note;
  /** Ends what is under way when the broker stops. */
  readonly signal: AbortSignal;
}

interface Leftover {
  readonly role: string;
  readonly template: string;
  readonly connection: string;
  /** `host:port/database`: a Connection of that name that leads elsewhere does not lead to the role. */
  readonly place: string;
  /** How it was reached when it was made; undefined for what an earlier process left. */
  readonly upstream: Upstream | undefined;
  attempts: number;
  dueMs: number;
  isRunning: boolean;
}

export interface Undoing {
  /** From now on the role has to go. */
  add(role: string, template: string, upstream: Upstream): void;
  has(role: string): boolean;
  /** Tries what is due, by way of these Connections or the one by which it was made. */
  run(upstreams: readonly Upstream[]): void;
  settled(): Promise<void>;
}

export function entryFor(role: string, template: string, upstream: Upstream): JournalEntry {
  return { id: role, facts: { template, connection: keyOf(upstream), place: placeOf(upstream) } };
}

export function undoing({ journal, minters, now, note, signal }: UndoingDeps): Undoing {
  const leftovers = new Map<string, Leftover>();
  const running = new Set<Promise<void>>();
  function inherit({ id, facts }: JournalEntry): void {
    const { template = "", connection = "", place = "" } = facts;
    leftovers.set(id, {
      role: id,
      template,
      connection,
      place,
      upstream: undefined,
      attempts: 0,
      dueMs: 0,
      isRunning: false,
    });
    note("role.leftover", { role: id, connection });
  }
  for (const entry of journal.pending()) inherit(entry);
  journal.onTakenOver(inherit);

  async function attempt(leftover: Leftover, upstream: Upstream): Promise<void> {
    const { role, connection } = leftover;
    try {
      await minters.at(upstream, (connectTo) => takeBackRole(leftover, connectTo), signal);
      await journal.end(role);
      leftovers.delete(role);
      note("role.taken-back", { role, connection });
    } catch (error) {
      leftover.attempts += 1;
      leftover.dueMs = now() + Math.min(RETRY_MS_FIRST * 2 ** (leftover.attempts - 1), RETRY_MS_MAX);
      note("role.take-back-failed", { role, connection, attempts: leftover.attempts, cause: causeOf(error) });
    }
  }

  function start(leftover: Leftover, upstream: Upstream): void {
    leftover.isRunning = true;
    const work = attempt(leftover, upstream).finally(() => {
      leftover.isRunning = false;
      running.delete(work);
    });
    running.add(work);
  }

  return {
    add(role, template, upstream) {
      const entry = entryFor(role, template, upstream);
      const { connection = "", place = "" } = entry.facts;
      const leftover = {
        role,
        template,
        connection,
        place,
        upstream,
        attempts: 0,
        dueMs: 0,
        isRunning: false,
      };
      leftovers.set(role, leftover);
      start(leftover, upstream);
    },
    has: (role) => leftovers.has(role),
    run(upstreams) {
      for (const leftover of leftovers.values()) {
        if (leftover.isRunning || leftover.dueMs > now() || signal.aborted) continue;
        // The Connection as it is now first: its minter's password may have been moved since.
        const upstream = upstreams.find((other) => leadsTo(other, leftover)) ?? leftover.upstream;
        if (upstream !== undefined) start(leftover, upstream);
      }
    },
    async settled() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}

function leadsTo(upstream: Upstream, { connection, place }: Leftover): boolean {
  const postgresRole = upstream.spec.credential.source?.postgresRole;
  return postgresRole !== undefined && keyOf(upstream) === connection && placeOf(upstream) === place;
}

export function keyOf({ ref }: Upstream): string {
  return `${ref.namespace}/${ref.name}`;
}

function placeOf({ spec }: Upstream): string {
  return `${spec.address.host}:${spec.address.port}/${spec.postgres?.database ?? ""}`;
}
