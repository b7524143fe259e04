/** Names and texts as SQL writes them. DDL takes no parameters, so these stand between a name and a statement. */

/** A longer name is cut by the server without a word, and could then be another role's. */
export const NAME_BYTES_MAX = 63;

export function quoteName(name: string): string {
  if (name === "" || name.includes("\0")) throw new RangeError("a name is empty or holds a zero byte");
  if (Buffer.byteLength(name) > NAME_BYTES_MAX)
    throw new RangeError(`a name has more than ${NAME_BYTES_MAX} bytes`);
  return `"${name.replaceAll('"', '""')}"`;
}

/** Right under either setting of `standard_conforming_strings`: with a backslash inside, the escape form is used. */
export function quoteText(text: string): string {
  if (text.includes("\0")) throw new RangeError("a text holds a zero byte");
  const quoted = text.replaceAll("'", "''");
  return text.includes("\\") ? ` E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}
