/** A trail as rows to look at: each event with its text, where that can be opened, and with what its session began with. */
import { parseLeaf } from "#core/audit/leaf.ts";
import { type EventFields, shownEvents, textsOf } from "#core/audit/requests.ts";
import type { Caller } from "#core/policy/facts.ts";
import { sayIdentity } from "#core/policy/words.ts";
import type { SessionId } from "#core/port/port.ts";
import { type Position, type Problem, type StoredLeaf, readTrail } from "#broker/trail/read.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import type { Texts } from "#broker/trail/texts.ts";

/** An event, or one of the requests and results that an event holds: those share its place. */
export interface AuditRow {
  readonly index: number;
  readonly session: SessionId;
  readonly seq: number;
  readonly hash: string;
  readonly event: EventFields;
  /** What it was shown of. */
  readonly stored: EventFields;
  readonly about: SessionAbout;
  /** Undefined: the event has none, or it cannot be opened. */
  readonly text: string | undefined;
  readonly isTextClosed: boolean;
}

/** What the session's first event said. */
export interface SessionAbout {
  readonly subject: string;
  readonly connection: string;
}

const UNKNOWN: SessionAbout = { subject: "", connection: "" };

export interface Reading {
  readonly directory: string;
  readonly texts: Texts | undefined;
  /** Grows with what was read; kept by whoever goes on reading. */
  readonly about: Map<SessionId, SessionAbout>;
  position: Position | undefined;
}

export function startReading(directory: string, texts: Texts | undefined): Reading {
  return { directory, texts, about: new Map(), position: undefined };
}

/** From where reading stands to the end of what there is; the reading stands there afterwards. */
export async function* rowsOf(
  reading: Reading,
): AsyncGenerator<AuditRow | { readonly problem: Problem }, void> {
  const { directory, position } = reading;
  // Texts follow their event, so its rows are complete when the next entry comes.
  let last: readonly AuditRow[] = [];
  let refreshed = false;
  for await (const entry of readTrail({
    disk: realDisk,
    directory,
    ...(position === undefined ? {} : { from: position }),
  })) {
    if (entry.kind === "text" && last.length > 0) {
      let opened = reading.texts?.open(entry);
      if (opened === undefined && !refreshed) {
        // The session may have begun after the keys were read; its key was durable before its first event.
        await reading.texts?.refresh();
        refreshed = true;
        opened = reading.texts?.open(entry);
      }
      last = withTexts(last, opened?.text);
      continue;
    }
    yield* last;
    last = entry.kind === "leaf" ? rowsOfLeaf(entry, reading) : [];
    if (entry.kind === "problem") yield { problem: entry.problem };
    if (entry.kind === "end") reading.position = entry.position;
  }
}

function rowsOfLeaf(stored: StoredLeaf, { about }: Reading): readonly AuditRow[] {
  const { index, session, seq } = stored;
  const event = parseLeaf(stored.leaf) ?? {};
  if (event["kind"] === "session.open") about.set(session, aboutOf(event));
  const hash = Buffer.from(stored.hash).toString("hex");
  const whole = { index, session, seq, hash, about: about.get(session) ?? UNKNOWN, stored: event };
  return shownEvents(event).map((shown) => ({
    ...whole,
    event: shown,
    text: undefined,
    isTextClosed: false,
  }));
}

/** `opened`: what was sealed with the event that the rows are of; undefined when it stays sealed. */
function withTexts(rows: readonly AuditRow[], opened: Buffer | undefined): readonly AuditRow[] {
  const [first] = rows;
  const texts = opened === undefined ? undefined : textsOf(first?.stored ?? {}, opened);
  const byRequest = new Map(texts?.map(({ request, text }) => [request, Buffer.from(text).toString("utf8")]));
  return rows.map((row) => {
    if (row.event["kind"] !== "request") return row;
    const text = byRequest.get(Number(row.event["request"]));
    return { ...row, text, isTextClosed: text === undefined };
  });
}

function aboutOf(event: EventFields): SessionAbout {
  const { connection, caller } = event as {
    connection?: { namespace?: string; name?: string };
    caller?: Caller;
  };
  return {
    subject: caller?.identity === undefined ? "" : sayIdentity(caller.identity),
    connection: `${connection?.namespace ?? ""}/${connection?.name ?? ""}`,
  };
}
