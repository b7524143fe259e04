/** Words in a picture. */
export type Words = string;

export interface Look {
  readonly size?: number;
  readonly weight?: "bold";
  readonly tone?: string;
  readonly anchor?: "end" | "middle";
}

export function text(x: number, y: number, words: string, look: Look = {}): Words {
  const { size, weight, tone, anchor } = look;
  const attributes = Object.entries({
    "font-size": size,
    "font-weight": weight,
    fill: tone,
    "text-anchor": anchor,
  }).flatMap(([name, value]) => (value === undefined ? [] : [` ${name}="${value}"`]));
  return `<text x="${x}" y="${y}"${attributes.join("")}>${escape(words)}</text>`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

export function escape(words: string): string {
  return words.replace(/[&<>"]/g, (sign) => ENTITIES[sign] ?? sign);
}

export function shortened(words: string, charsMax: number): string {
  return words.length <= charsMax ? words : `${words.slice(0, charsMax - 1)}…`;
}
