/** Roles that have to go: tried until they are gone, whoever left them. Those that somebody may still be using are given the time. */
import { createHash } from "node:crypto";
import type { Journal, JournalEntry } from "../../leases/journal.ts";
import { type Note, causeOf } from "../../note.ts";
import type { CredentialRequest, Upstream } from "../source.ts";
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
  /** Digest of whose role it is. */
  readonly subject: string;
  /** How it was reached when it was made; undefined for what an earlier process left. */
  readonly upstream: Upstream | undefined;
  attempts: number;
  dueMs: number;
  isRunning: boolean;
  /** Nobody else can make it theirs any more. */
  isClaimed: boolean;
}

export interface Undoing {
  /** From now on the role has to go. */
  add(entry: JournalEntry, upstream: Upstream): void;
  /** It has to go when nobody can be using it any more, unless it is kept by then. */
  addLater(entry: JournalEntry, upstream: Upstream): void;
  /** Whoever uses it is here, so it does not have to go; false while it is going already, or when another one is meant. */
  keep(entry: JournalEntry): boolean;
  has(role: string): boolean;
  /** Tries what is due, by way of these Connections or the one by which it was made. */
  run(upstreams: readonly Upstream[]): void;
  settled(): Promise<void>;
}

/** Of a role whose subject nobody knows: one that is going in any case. */
export function leftoverEntry(role: string, template: string, upstream: Upstream): JournalEntry {
  return { id: role, facts: { template, connection: keyOf(upstream), place: placeOf(upstream) } };
}

/** Everything that tells whose role it is, so that nobody else is given it. */
export function entryFor(
  role: string,
  { upstream, subject }: Pick<CredentialRequest, "upstream" | "subject">,
): JournalEntry {
  const template = upstream.spec.credential.source?.postgresRole?.template ?? "";
  const digest = createHash("sha256").update(subject).digest("base64url");
  return {
    id: role,
    facts: { template, connection: keyOf(upstream), place: placeOf(upstream), subject: digest },
  };
}

export function undoing({ journal, minters, now, note, signal }: UndoingDeps): Undoing {
  const leftovers = new Map<string, Leftover>();
  const running = new Set<Promise<void>>();
  const { shared } = journal;
  const untilUnused = (): number => now() + (shared?.usedForMs ?? 0);
  function leave({ id, facts }: JournalEntry, upstream: Upstream | undefined, dueMs: number): Leftover {
    const { template = "", connection = "", place = "", subject = "" } = facts;
    const known = { role: id, template, connection, place, subject, upstream };
    const leftover = { ...known, dueMs, attempts: 0, isRunning: false, isClaimed: false };
    leftovers.set(id, leftover);
    return leftover;
  }
  function inherit(entry: JournalEntry, dueMs: number): void {
    const { role, connection } = leave(entry, undefined, dueMs);
    note("role.leftover", { role, connection });
  }
  for (const entry of journal.pending()) inherit(entry, entry.isClaimed === true ? 0 : untilUnused());
  shared?.onTakenOver((entry) => inherit(entry, 0));

  async function attempt(leftover: Leftover, upstream: Upstream): Promise<void> {
    const { role, connection } = leftover;
    try {
      if (!(await journal.claim(role))) {
        leftovers.delete(role);
        return note("role.handed-on", { role, connection });
      }
      leftover.isClaimed = true;
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
    add: (entry, upstream) => start(leave(entry, upstream, 0), upstream),
    addLater: (entry, upstream) => void leave(entry, upstream, untilUnused()),
    keep({ id, facts }) {
      const leftover = leftovers.get(id);
      if (leftover === undefined) return true;
      const { isRunning, isClaimed, connection, place, subject } = leftover;
      const isMeant =
        connection === facts["connection"] && place === facts["place"] && subject === facts["subject"];
      return isMeant && !isRunning && !isClaimed && leftovers.delete(id);
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
