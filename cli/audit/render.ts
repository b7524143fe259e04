/** Rows of the trail in words, and as one JSON object a line. */
import { areAncestors } from "#core/policy/whole-facts.ts";
import { sayIdentity } from "#core/policy/words.ts";
import type { EventKind } from "#core/audit/kinds.ts";
import type { Problem } from "#broker/trail/read.ts";
import { escapedJson } from "../frame/json.ts";
import { type Paint, type Style, printable } from "../frame/paint.ts";
import { instantText } from "../frame/time.ts";
import type { EventFields } from "#core/audit/requests.ts";
import type { AuditRow } from "./rows.ts";

export function rowText(row: AuditRow, paint: Paint): string {
  const kind = word(row.event, "kind");
  const say = Object.hasOwn(SAYINGS, kind) ? SAYINGS[kind as ShownKind] : () => "";
  const when = instantText(Number(row.event["atMs"] ?? 0));
  const place = `${row.session.slice(0, 8)} ${String(row.seq).padStart(3)}`;
  const line = [
    paint("dim", when),
    paint("cyan", place),
    paint(styleOf(row.event), kind.padEnd(15)),
    say(row),
  ];
  return `${line.join("  ").trimEnd()}\n${extra(row, paint)}`;
}

function extra(row: AuditRow, paint: Paint): string {
  const lines: string[] = [];
  if (row.text !== undefined) lines.push(...row.text.split("\n").map(printable));
  if (row.isTextClosed) lines.push(paint("dim", "(the text is sealed)"));
  if (typeof row.event["unrecorded"] === "number")
    lines.push(
      paint("yellow", `${row.event["unrecorded"]} requests before it were refused without a record`),
    );
  return lines.map((line) => `    ${line}\n`).join("");
}

export function rowJson(row: AuditRow): string {
  const { index, session, seq, hash, event, text } = row;
  return escapedJson({ index, session, seq, hash, event, ...(text === undefined ? {} : { text }) });
}

export function problemText({ what, segment, offset, bytes }: Problem, paint: Paint): string {
  return `${paint("red", what)} in segment ${segment} at ${offset}, ${bytes} bytes; see sallyport audit verify\n`;
}

const YELLOW: ReadonlySet<unknown> = new Set<EventKind>([
  "session.lost",
  "session.refused",
  "destination.refused",
  "grant.refused",
  "sessions.killed",
  "revocation.enforced",
  "sessions.revoked",
]);

function styleOf(event: EventFields): Style {
  if (event["outcome"] === "deny" || event["kind"] === "session.fork" || event["kind"] === "trail.damaged")
    return "red";
  if (event["outcome"] === "ask" || YELLOW.has(event["kind"])) return "yellow";
  return event["outcome"] === "allow" ? "green" : "bold";
}

/** An event of requests is shown as these, unless it is broken. */
type ShownKind = EventKind | "request" | "result";

/** One row for each kind of event. Nothing is taken for granted of a leaf: an older or a broken one still prints. */
const SAYINGS: Readonly<Record<ShownKind, (row: AuditRow) => string>> = {
  "session.open": ({ event, about }) =>
    join(
      about.subject,
      below(event),
      `to ${about.connection}`,
      word(event, "protocol"),
      `plan ${word(event, "planVersion")}`,
    ),
  "session.refused": ({ event }) => `${word(event, "code")} at ${word(event, "listener")}`,
  "destination.refused": ({ event }) =>
    `${word(event, "code")} ${word(event, "destination")} from pod ${word(event, "pod")}`,
  request: ({ event }) =>
    join(
      `#${word(event, "request")}`,
      word(event, "outcome"),
      word(event, "code"),
      list(event, "accesses"),
      by(event),
      list(event, "doubts"),
    ),
  requests: () => "",
  result: ({ event }) =>
    join(
      `#${word(event, "request")}`,
      word(event, "ended"),
      word(event, "errorCode"),
      amount(event, "rows"),
      amount(event, "bytes"),
      masked(event),
    ),
  credential: ({ event }) => join(word(event, "action"), word(event, "lease"), word(event, "source")),
  "secret.presented": ({ event }) =>
    `a client of ${word(event, "listener")} sent a credential of its own: ${word(event, "how")}`,
  "session.close": ({ event }) =>
    join(word(event, "code"), amount(event, "requests"), amount(event, "rows"), masked(event)),
  "session.moved": ({ event }) =>
    `goes on from ${word(event, "lastSeq")} in the log of ${word(event, "log")}`,
  "session.lost": ({ event }) => `nothing is known of it after ${word(event, "lastSeq")}`,
  "session.fork": ({ event }) => `another story was told of ${word(event, "atSeq")} (${word(event, "how")})`,
  "grant.issued": ({ event, about }) => join(word(event, "grant"), about.subject, below(event), by(event)),
  "grant.refused": ({ event }) => `${word(event, "code")} to pod ${word(event, "podUid")}`,
  "sessions.killed": ({ event }) => join(`by ${word(event, "by")}`, list(event, "sessions")),
  "revocation.enforced": ({ event }) =>
    join(word(event, "guardrail"), word(event, "whom"), `by ${word(event, "by")}`, word(event, "because")),
  "revocation.ended": ({ event }) =>
    join(
      word(event, "guardrail"),
      word(event, "how"),
      event["by"] === undefined ? "" : `by ${word(event, "by")}`,
    ),
  "sessions.revoked": ({ event }) =>
    join(
      word(event, "guardrail"),
      `by ${word(event, "by")}`,
      word(event, "because"),
      list(event, "sessions"),
    ),
  "broker.start": ({ event }) => join(word(event, "broker"), `trail ${word(event, "trail")}`),
  "broker.stop": () => "",
  "trail.damaged": ({ event }) =>
    join(
      word(event, "what"),
      `segment ${word(event, "segment")}`,
      `${word(event, "bytes")} bytes at ${word(event, "offset")}`,
    ),
};

/** Who was above it, nearest first. */
function below(event: EventFields): string {
  const { ancestors } = (event["caller"] ?? {}) as { readonly ancestors?: unknown };
  return areAncestors(ancestors)
    ? ancestors.map(({ identity }) => `below ${sayIdentity(identity)}`).join(" ")
    : "";
}

function word(event: EventFields, name: string): string {
  const value = event[name];
  return typeof value === "string" || typeof value === "number" ? printable(String(value)) : "";
}

function list(event: EventFields, name: string): string {
  const value = event[name];
  return Array.isArray(value) ? value.map((item) => printable(String(item))).join(", ") : "";
}

function by(event: EventFields): string {
  const rule = word(event, "by");
  return rule === "" ? "" : `by ${rule.split("@")[0] ?? rule}`;
}

function amount(event: EventFields, name: string): string {
  const value = word(event, name);
  return value === "" ? "" : `${value} ${name}`;
}

function masked(event: EventFields): string {
  const value = word(event, "maskedValues");
  return value === "" || value === "0" ? "" : `${value} masked`;
}

function join(...words: readonly string[]): string {
  return words.filter((each) => each !== "").join("  ");
}
