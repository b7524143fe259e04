/** From an event to the bytes that are stored and hashed, within what a leaf may hold. */
import type { AuditEvent } from "./event.ts";
import { canonicalText } from "./canonical.ts";
import { plainText } from "./plain.ts";

/** Log tiles prefix an entry with sixteen bits: a leaf may not be longer. */
export const LEAF_BYTES_MAX = 65_535;
/** What is kept of one text in the erasable payload; its digest is over all of it. */
export const TEXT_BYTES_MAX = 1024 * 1024;

const LIST_ITEMS_MAX = 1_024;
const STRING_CHARACTERS_MAX = 1_024;
/** Codes, digests, names of rules and identifiers are shorter than this and so are never cut. */
const STRING_CHARACTERS_FLOOR = 256;

interface Bounds {
  readonly items: number;
  readonly characters: number;
}

/**
 * The event's canonical bytes. Lists, records of the outside's making and strings that are too long are cut, and
 * `omitted` says of which path how much; the same event always gives the same bytes.
 */
export function leafBytes(event: AuditEvent): Uint8Array {
  const plain = plainText(event);
  if (plain !== undefined) return Buffer.from(plain, "latin1");
  let bounds: Bounds = { items: LIST_ITEMS_MAX, characters: STRING_CHARACTERS_MAX };
  for (;;) {
    const bytes = Buffer.from(canonicalText(cut(event, bounds)), "utf8");
    if (bytes.length <= LEAF_BYTES_MAX) return bytes;
    if (bounds.items === 0) throw new RangeError(`an event of kind ${event.kind} does not fit into a leaf`);
    bounds = {
      items: Math.floor(bounds.items / 2),
      characters: Math.max(STRING_CHARACTERS_FLOOR, Math.floor(bounds.characters / 2)),
    };
  }
}

function cut(event: AuditEvent, bounds: Bounds): object {
  const omitted: Record<string, number> = {};
  const body = cutValue(event, "", bounds, omitted) as Record<string, unknown>;
  return Object.keys(omitted).length === 0 ? body : { ...body, omitted: { ...event.omitted, ...omitted } };
}

function cutValue(value: unknown, path: string, bounds: Bounds, omitted: Record<string, number>): unknown {
  if (typeof value === "string") return cutString(value, path, bounds.characters, omitted);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const itemsMax = OWN_LISTS.has(path) ? value.length : bounds.items;
    if (value.length > itemsMax) omitted[path] = value.length - itemsMax;
    // One path for all items: how much of the strings of a list was cut, not of which one.
    return value.slice(0, itemsMax).map((item) => cutValue(item, `${path}[]`, bounds, omitted));
  }
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  const kept = isRecord(path) ? entries.slice(0, bounds.items) : entries;
  if (kept.length < entries.length) omitted[path] = entries.length - kept.length;
  return Object.fromEntries(
    kept.map(([name, member]) => {
      const inner = path === "" ? name : `${path}.${isRecord(path) ? "*" : name}`;
      return [
        isRecord(path) ? name.slice(0, bounds.characters) : name,
        cutValue(member, inner, bounds, omitted),
      ];
    }),
  );
}

/** Lists of our own making: whoever fills them sees to it that they fit, and nothing of them is left out. */
const OWN_LISTS: ReadonlySet<string> = new Set(["decided", "requests", "results"]);

/** Objects whose member names come from outside; those of all others are ours and few. */
function isRecord(path: string): boolean {
  return path === "intent" || path.endsWith(".claims");
}

function cutString(
  value: string,
  path: string,
  charactersMax: number,
  omitted: Record<string, number>,
): string {
  if (value.length <= charactersMax) return value;
  omitted[path] = (omitted[path] ?? 0) + value.length - charactersMax;
  return value.slice(0, charactersMax);
}

/** What the broker has to know of a leaf that a data plane made: that it is an event, and of what. */
export interface LeafHead {
  readonly kind: string;
  readonly session: string;
  readonly seq: number;
}

/** Undefined when the bytes are no event of version 1. */
export function leafHead(leaf: Uint8Array): LeafHead | undefined {
  if (leaf.length === 0 || leaf.length > LEAF_BYTES_MAX) return undefined;
  const event = parseLeaf(leaf);
  if (event === undefined) return undefined;
  const { v, kind, session, seq, atMs } = event;
  if (v !== 1 || typeof kind !== "string" || !/^[a-z]{1,32}(?:\.[a-z]{1,32})?$/.test(kind)) return undefined;
  if (typeof session !== "string" || !Number.isSafeInteger(seq) || !Number.isSafeInteger(atMs))
    return undefined;
  return { kind, session, seq: Number(seq) };
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The event as any JSON reader sees it; undefined when it is not one JSON object in UTF-8. */
export function parseLeaf(leaf: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(leaf));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
