/** What of the upstream's errors and notices reaches the client. SQLSTATE and position always do. */
import { noticeOrError, readNoticeOrError } from "#core/wire/postgres/messages.ts";

/** Names of the upstream that agents have no use for. */
export interface Withheld {
  /** Undefined: the client has named it itself. */
  readonly user: string | undefined;
  readonly host: string;
}

const TEXTS = ["M", "D", "H", "W", "q"] as const;
/** Severity, SQLSTATE, the message (which is looked at), names of the schema, and places. No field that may come to be. */
const SAID_WITHOUT_VALUES: ReadonlySet<string> = new Set("SVCMPstcdnFLR");
/** Shorter names are words of the language sooner than names. */
const NAME_CHARS_MIN = 4;
/** SQLSTATEs whose MESSAGE speaks of the server and of names of the schema, never of values. */
const WORDS_ONLY = /^(?:23|25|2B|2D|40|42501|53|54|55|57)/;
/**
 * With a place in the statement the others speak of its own words, too. Without one they may speak of a value that was
 * taken for a name: `email::regclass`.
 */
const WORDS_AT_POSITION = /^(?:0A|26|34|3D|3F|42)/;
/** A context says that code was running, and code raises what it likes under any SQLSTATE. That of COPY is the server's own. */
const CONTEXT_OF_COPY = /^(?:COPY [^\n]*)?$/;
/** The routine of RAISE. */
const RAISED = "exec_stmt_raise";
/** The statement was parsed here before: what is no SQL, and where, is a value that was parsed while it ran. */
const SYNTAX_ERROR = "42601";

/**
 * Whether masked values could be in the texts. `always`: the statement touches masked columns. `inCode`: it does not,
 * but code that runs with it may, such as a trigger, or a foreign key's own statements.
 */
export type Quoting = "always" | "inCode" | "never";

/** The message as the client may see it; the argument's own bytes when nothing has to change. */
export function filterNotice(frame: Buffer, type: "E" | "N", withheld: Withheld, quoting: Quoting): Buffer {
  const fields = readNoticeOrError(frame, 0, frame.length);
  const isOwn = CONTEXT_OF_COPY.test(fields.get("W") ?? "");
  let changed = false;
  if (quoting === "always") changed = dropValues(fields, isOwn);
  // What installed code raises are its owner's words; what the server says of the values in it are not.
  else if (quoting === "inCode" && !isOwn && fields.get("R") !== RAISED) changed = dropValues(fields, true);
  for (const letter of TEXTS) {
    const text = fields.get(letter);
    if (text === undefined) continue;
    const shown = withoutNames(text, withheld);
    if (shown === text) continue;
    fields.set(letter, shown);
    changed = true;
  }
  return changed ? noticeOrError(type, fields) : frame;
}

/** `isOwn`: it is the server itself that speaks. */
function dropValues(fields: Map<string, string>, isOwn: boolean): boolean {
  let changed = false;
  for (const letter of fields.keys())
    if (!SAID_WITHOUT_VALUES.has(letter)) changed = fields.delete(letter) || changed;
  const code = fields.get("C") ?? "";
  const isPlaced = fields.has("P") && code !== SYNTAX_ERROR;
  if (isOwn && (WORDS_ONLY.test(code) || (isPlaced && WORDS_AT_POSITION.test(code)))) return changed;
  // While it runs, an error has no place in the statement: this one is in a value.
  if (code === SYNTAX_ERROR) fields.delete("P");
  fields.set("M", `the text of this message is withheld, it could quote masked columns (SQLSTATE ${code})`);
  return true;
}

function withoutNames(text: string, { user, host }: Withheld): string {
  let shown = text;
  if (user !== undefined && user.length >= NAME_CHARS_MIN) shown = shown.replaceAll(user, "[upstream user]");
  if (host.length >= NAME_CHARS_MIN) shown = shown.replaceAll(host, "[upstream host]");
  return shown;
}
