/** Reads one YAML document into located values. What YAML can do and kinds do not need is refused here. */
import { EVENT_ID, type Event, getScalarValue, parseEvents, SCALAR_STYLE, YAMLException } from "js-yaml";
import type { Findings } from "./findings.ts";
import { DOCUMENT_NESTING_MAX, DOCUMENT_NODES_MAX, SCALAR_CHARACTERS_MAX } from "./limits.ts";
import { type Located, type LocatedEntry, type Path, quoted } from "./located.ts";
import { syntaxWords } from "./syntax-words.ts";

export type Tree =
  | { readonly root: Located }
  /** `offset` is where in the document's own text parsing stopped. */
  | { readonly code: string; readonly offset: number; readonly message: string };

export function readTree(text: string, start: number, findings: Findings): Tree {
  const directive = /(^|[\r\n])%/.exec(text);
  if (directive !== null) {
    const offset = directive.index + (directive[1] ?? "").length;
    return { code: "DIRECTIVE", offset, message: "YAML directives are not read here; remove the line" };
  }
  try {
    return build(parseEvents(text, { maxDepth: DOCUMENT_NESTING_MAX }), text, start, findings);
  } catch (cause) {
    if (!(cause instanceof YAMLException)) throw cause;
    const offset = Math.min(cause.mark?.position ?? 0, text.length);
    if (cause.reason.startsWith("nesting exceeded")) {
      return { code: "TOO_DEEP", offset, message: `nested deeper than ${DOCUMENT_NESTING_MAX} levels` };
    }
    return { code: "SYNTAX", offset, message: `not valid YAML: ${syntaxWords(cause.reason)}` };
  }
}

interface Frame {
  readonly kind: "map" | "list";
  readonly start: number;
  readonly path: Path;
  readonly entries: LocatedEntry[];
  readonly keys: Set<string>;
  readonly items: Located[];
  damaged: boolean;
  key:
    | { readonly text: string; readonly start: number; readonly plain: boolean; readonly refused: boolean }
    | undefined;
}

interface Reading {
  readonly text: string;
  /** Where the document starts in its file. */
  readonly base: number;
  readonly findings: Findings;
  /** The collections that are open, innermost last. */
  readonly frames: Frame[];
  /** Where the last value ended: the place of a value that is not there. */
  last: number;
}

type NodeEvent = Exclude<Event, { type: typeof EVENT_ID.DOCUMENT }>;
type ScalarEvent = Extract<Event, { type: typeof EVENT_ID.SCALAR }>;

function build(events: readonly Event[], text: string, base: number, findings: Findings): Tree {
  const reading: Reading = { text, base, findings, frames: [], last: 0 };
  let root: Located | undefined;
  let documents = 0;
  if (events.length > DOCUMENT_NODES_MAX * 2) {
    return {
      code: "TOO_MANY_NODES",
      offset: 0,
      message: `more than ${DOCUMENT_NODES_MAX} values in one document`,
    };
  }
  for (const event of events) {
    if (event.type === EVENT_ID.DOCUMENT) {
      documents += 1;
      if (documents > 1) {
        const message = "separate documents by a line of `---`";
        return { code: "UNSEPARATED_DOCUMENTS", offset: reading.last, message };
      }
      continue;
    }
    const done = nodeOf(event, reading);
    reading.last = Math.max(reading.last, endOf(event));
    if (done === undefined) continue;
    const parent = reading.frames.at(-1);
    if (parent === undefined) root ??= done;
    else place(done, event, parent, findings);
  }
  return { root: root ?? { kind: "scalar", start: base, text: "", plain: true } };
}

/** The value that this event completes, if it completes one. */
function nodeOf(event: NodeEvent, reading: Reading): Located | undefined {
  const { base, frames, findings } = reading;
  const path = pathOfNext(frames.at(-1));
  if (event.type === EVENT_ID.POP) {
    const frame = frames.pop();
    if (frame === undefined) return undefined;
    const { kind, start, entries, items, damaged } = frame;
    return kind === "map" ? { kind, start, entries, damaged } : { kind, start, items };
  }
  refuseProperties(event, base, path, findings);
  if (event.type === EVENT_ID.ALIAS) return { kind: "hole", start: base + event.anchorStart };
  if (event.type === EVENT_ID.SCALAR) return scalarOf(event, reading, path);
  const kind = event.type === EVENT_ID.MAPPING ? "map" : "list";
  const start = base + event.start;
  frames.push({ kind, start, path, entries: [], keys: new Set(), items: [], damaged: false, key: undefined });
  return undefined;
}

function scalarOf(event: ScalarEvent, { text, base, last, findings }: Reading, path: Path): Located {
  const absent = event.valueStart < 0;
  const start = base + (absent ? last : event.valueStart - (isQuoted(event.style) ? 1 : 0));
  const value = absent ? "" : getScalarValue(text, event);
  if (value.length > SCALAR_CHARACTERS_MAX) {
    const message = `a value is longer than ${SCALAR_CHARACTERS_MAX} characters`;
    findings.add({ code: "VALUE_TOO_LONG", start, path, message });
    return { kind: "hole", start };
  }
  return { kind: "scalar", start, text: value, plain: event.style === SCALAR_STYLE.PLAIN };
}

function place(done: Located, event: Event, parent: Frame, findings: Findings): void {
  if (parent.kind === "list") {
    parent.items.push(done);
    return;
  }
  const { key } = parent;
  if (key === undefined) {
    parent.key = readKey(done, parent, findings);
    return;
  }
  parent.key = undefined;
  if (key.refused) {
    parent.damaged = true;
    return;
  }
  // An empty value has no place of its own; its key has.
  const atKey = done.kind === "scalar" && event.type === EVENT_ID.SCALAR && event.valueStart < 0;
  const value = atKey ? { ...done, start: key.start } : done;
  parent.entries.push({ key: key.text, keyStart: key.start, keyPlain: key.plain, value });
}

function readKey(done: Located, parent: Frame, findings: Findings): NonNullable<Frame["key"]> {
  const { path } = parent;
  const { start } = done;
  const refused = { text: "", start, plain: true, refused: true };
  const refuse = (code: string, at: Path, message: string): NonNullable<Frame["key"]> => {
    findings.add({ code, start, path: at, message });
    return refused;
  };
  if (done.kind === "hole") return refused;
  if (done.kind !== "scalar") return refuse("COMPLEX_KEY", path, "a field's name must be plain text");
  const { text, plain } = done;
  if (plain && text === "<<")
    return refuse("MERGE_KEY", path, "merge keys (<<) are not read here; write the fields out");
  if (parent.keys.has(text)) {
    const message = `${quoted(text)} stands here twice; keep one`;
    return refuse("DUPLICATE_KEY", [...path, text], message);
  }
  parent.keys.add(text);
  return { text, start, plain, refused: false };
}

function refuseProperties(
  event: Exclude<Event, { type: typeof EVENT_ID.DOCUMENT | typeof EVENT_ID.POP }>,
  base: number,
  path: Path,
  findings: Findings,
): void {
  if (event.type === EVENT_ID.ALIAS) {
    const message =
      "aliases (*name) are not read here; write the value out (text that starts with * goes in quotes)";
    findings.add({ code: "ALIAS", start: base + event.anchorStart - 1, path, message });
    return;
  }
  if (event.anchorStart >= 0) {
    const message = "anchors (&name) are not read here; remove it";
    findings.add({ code: "ANCHOR", start: base + event.anchorStart - 1, path, message });
  }
  if (event.tagStart >= 0) {
    const message = "tags (!name) are not read here; remove it";
    findings.add({ code: "TAG", start: base + event.tagStart, path, message });
  }
}

function pathOfNext(top: Frame | undefined): Path {
  if (top === undefined) return [];
  if (top.kind === "list") return [...top.path, top.items.length];
  return top.key === undefined ? top.path : [...top.path, top.key.text];
}

function isQuoted(style: number): boolean {
  return style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED;
}

function endOf(event: Event): number {
  if (event.type === EVENT_ID.SCALAR) return event.valueEnd;
  return event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE ? event.start : 0;
}
