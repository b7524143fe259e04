/** The examples in our Markdown, found so that they can be run. */

export interface Fence {
  readonly page: string;
  readonly line: number;
  /** What stands behind the backticks: `sh test`, `sh manual`, `yaml test`, `text output`, … */
  readonly info: string;
  readonly text: string;
}

/** Pages whose `sh cluster` is run, from top to bottom, by test/installed. */
export const CLUSTER_PAGES = [
  "README.md",
  "docs/lineage.md",
  "docs/operations.md",
  "docs/operations/misbehaving.md",
] as const;

/** Pages whose `sh host` is run, from top to bottom, by test/gateway. */
export const HOST_PAGES = ["docs/operations/misbehaving.md"] as const;

const FENCE = /^(?<indent> *)```(?<info>[^\n`]*)\n(?<text>[\s\S]*?)^\k<indent>```[ \t]*$/gm;

export function fencesOf(page: string, markdown: string): Fence[] {
  return [...markdown.matchAll(FENCE)].map((match) => {
    const { indent = "", info = "", text = "" } = match.groups ?? {};
    return {
      page,
      line: markdown.slice(0, match.index).split("\n").length,
      info: info.trim(),
      text: text.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    };
  });
}
