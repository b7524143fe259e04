/** Values as people read them in a terminal: one thing a line, what belongs to it indented below. */

const INDENT = "  ";
const DEPTH_MAX = 8;

export function textOf(value: unknown, depth = 0): string {
  const margin = INDENT.repeat(depth);
  if (depth > DEPTH_MAX || typeof value !== "object" || value === null) return `${margin}${String(value)}\n`;
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item !== "object")) return `${margin}${value.join(", ") || "none"}\n`;
    return value.map((item) => `${margin}- ${textOf(item, depth + 1).trimStart()}`).join("");
  }
  return Object.entries(value)
    .map(([name, held]) => {
      const text = textOf(held, depth + 1);
      const isShort =
        typeof held !== "object" || (Array.isArray(held) && held.every((item) => typeof item !== "object"));
      return isShort ? `${margin}${name}: ${text.trimStart()}` : `${margin}${name}:\n${text}`;
    })
    .join("");
}
