/** JSON of tokens and key documents, read more strictly than `JSON.parse` does. */

export type JsonObject = Readonly<Record<string, unknown>>;

/** Far above what any issuer nests, far below what could exhaust a stack. */
const DEPTH_MAX = 32;

/**
 * An object, or in words why it is none. A name that occurs twice is refused: readers differ on which value counts, and
 * what two readers read differently nobody has signed (RFC 8725, section 2.4).
 */
export function readObject(bytes: Uint8Array): JsonObject | string {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    return "is not JSON";
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "is not a JSON object";
  const oddity = findOddity(text);
  return oddity ?? (value as JsonObject);
}

const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/** Walks text that is known to be JSON, so punctuation outside of strings is structure. */
function findOddity(text: string): string | undefined {
  const open: (Set<string> | "list")[] = [];
  let expectsName = false;
  for (const [token] of text.matchAll(TOKENS)) {
    const inside = open.at(-1);
    if (token === "{" || token === "[") {
      if (open.length === DEPTH_MAX) return "is nested too deeply";
      open.push(token === "{" ? new Set() : "list");
      expectsName = token === "{";
    } else if (token === "}" || token === "]") {
      open.pop();
      expectsName = false;
    } else if (token === ",") {
      expectsName = inside !== "list";
    } else if (token === ":") {
      expectsName = false;
    } else if (expectsName && inside instanceof Set) {
      const name = JSON.parse(token) as string;
      if (inside.has(name)) return `has ${printable(name)} twice`;
      if (name === "__proto__") return "has a member called __proto__";
      inside.add(name);
    }
  }
  return undefined;
}

const SHOWN_CHARS_MAX = 120;

/** Text of a stranger, fit for a message: quoted, ASCII, bounded. */
export function printable(text: string): string {
  const shown = text.slice(0, SHOWN_CHARS_MAX).replaceAll(/[^\x20-\x7e]|["\\]/g, "?");
  return `"${shown}${text.length > SHOWN_CHARS_MAX ? "…" : ""}"`;
}
