/** What of the upstream's errors and notices reaches the client. SQLSTATE and position always do. */
import { noticeOrError, readNoticeOrError } from "#core/wire/postgres/messages.ts";

/** Names of the upstream that agents have no use for. */
export interface Withheld {
  readonly user: string;
  readonly host: string;
}

const TEXTS = ["M", "D", "H", "W", "q"] as const;
/** Shorter names are words of the language sooner than names. */
const NAME_CHARS_MIN = 4;
/** Classes of SQLSTATE whose MESSAGE speaks of the statement's own words and of names, never of values. */
const WORDS_ONLY = /^(?:0A|08|23|25|26|2B|2D|34|3B|3D|3F|40|42|53|54|55|57|58)/;

/**
 * The message as the client may see it; the argument's own bytes when nothing has to change. `quotes`: the statement
 * touches masked columns, so values could be in the texts.
 */
export function filterNotice(frame: Buffer, type: "E" | "N", withheld: Withheld, quotes: boolean): Buffer {
  const fields = readNoticeOrError(frame, 0, frame.length);
  let changed = false;
  if (quotes) changed = dropValues(fields);
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

function dropValues(fields: Map<string, string>): boolean {
  let changed = false;
  for (const letter of ["D", "W", "q", "p", "H"]) changed = fields.delete(letter) || changed;
  const code = fields.get("C") ?? "";
  if (WORDS_ONLY.test(code)) return changed;
  fields.set("M", `the text of this message is withheld, it could quote masked columns (SQLSTATE ${code})`);
  return true;
}

function withoutNames(text: string, { user, host }: Withheld): string {
  let shown = text;
  if (user.length >= NAME_CHARS_MIN) shown = shown.replaceAll(user, "[upstream user]");
  if (host.length >= NAME_CHARS_MIN) shown = shown.replaceAll(host, "[upstream host]");
  return shown;
}
