/** Small shapes of text that every command's output is made of. */

/** Breaks at spaces; a word longer than the width keeps its line to itself. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line === "") line = word;
    else if (line.length + 1 + word.length <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

/** `1 rule`, `2 rules`, `no rules`, `2 policies`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  if (number === 0) return `no ${plural}`;
  return `${number} ${number === 1 ? singular : plural}`;
}

/** Rows with their cells one below the other, two spaces in and two between. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    `  ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join("  ")}`.trimEnd(),
  );
}
