/** Values as people read them in a terminal: one thing a line, what belongs to it indented below. */

const INDENT = "  ";
const DEPTH_MAX = 8;

export function textOf(value: unknown, depth = 0): string {
  const margin = INDENT.repeat(depth);
  /** Behind what introduces it, on the same line. */
  const behind = (text: string): string => text.slice(margin.length + INDENT.length);
  if (depth > DEPTH_MAX || typeof value !== "object" || value === null)
    return `${margin}${String(value).replaceAll(/\s+/g, " ")}\n`;
  if (Array.isArray(value)) {
    if (value.every(isShort)) return `${margin}${value.join(", ") || "none"}\n`;
    return value.map((item) => `${margin}- ${behind(textOf(item, depth + 1))}`).join("");
  }
  const lines = Object.entries(value).map(([name, held]) => {
    const text = textOf(held, depth + 1);
    return isShort(held) || (Array.isArray(held) && held.every(isShort))
      ? `${margin}${name}: ${behind(text)}`
      : `${margin}${name}:\n${text}`;
  });
  return lines.length === 0 ? `${margin}none\n` : lines.join("");
}

const isShort = (value: unknown): boolean => typeof value !== "object" || value === null;
