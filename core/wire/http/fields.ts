/** Header fields in their order, as they were sent; names are compared without regard to case (RFC 9110, section 5.1). */

export type Field = readonly [name: string, value: string];
export type Fields = readonly Field[];

/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible, space, tab, and bytes beyond ASCII; no control character can be in it. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** One line of a head without its end; undefined when it is none, or could be read differently by somebody else. */
export function readField(line: string): Field | undefined {
  const colon = line.indexOf(":");
  const name = line.slice(0, colon);
  if (colon < 1 || !TOKEN.test(name)) return undefined;
  const value = withoutBlanks(line.slice(colon + 1));
  return VALUE.test(value) ? [name, value] : undefined;
}

export function valuesOf(fields: Fields, name: string): readonly string[] {
  return fields.filter(([found]) => isNamed(found, name)).map(([, value]) => value);
}

/** Of a field that may stand once; of several the first. */
export function valueOf(fields: Fields, name: string): string | undefined {
  return fields.find(([found]) => isNamed(found, name))?.[1];
}

/** The members of a list, whether they stand in one field or in several; in lower case. */
export function membersOf(fields: Fields, name: string): readonly string[] {
  return valuesOf(fields, name)
    .flatMap((value) => value.split(","))
    .map((member) => withoutBlanks(member).toLowerCase())
    .filter((member) => member !== "");
}

/** What concerns one connection alone and is never passed on (RFC 9110, section 7.6.1). */
const OF_THE_CONNECTION = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** Fields for the next hop: those of this connection, and those that `Connection` names, are left out. */
export function forwarded(fields: Fields): Fields {
  const left = new Set([...OF_THE_CONNECTION, ...membersOf(fields, "connection")]);
  return fields.filter(([name]) => !left.has(name.toLowerCase()));
}

export function isNamed(found: string, name: string): boolean {
  return found.length === name.length && found.toLowerCase() === name;
}

/** Blanks of HTTP are space and tab; others are no blanks, and nothing is cut away with them. */
function withoutBlanks(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, "");
}
