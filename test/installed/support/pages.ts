/** What our pages have their readers do on a cluster. */
import assert from "node:assert/strict";
import { textOf } from "#test/architecture/sources.ts";
import { type CLUSTER_PAGES, fencesOf } from "#test/docs/fences.ts";
import type { Shell } from "./shell.ts";

export interface Commands {
  /** `page:line`. */
  readonly place: string;
  /** The heading above. */
  readonly section: string;
  readonly script: string;
  readonly exit: number;
  /** What they print, where the page says so. */
  readonly output?: string;
  /** The same in part: the rest depends on the cluster. */
  readonly excerpt?: string;
}

export function commandsOf(page: (typeof CLUSTER_PAGES)[number]): readonly Commands[] {
  const markdown = textOf(page);
  const fences = fencesOf(page, markdown);
  return fences.flatMap(({ info, line, text }, index) => {
    const parsed = /^sh cluster(?: exit=(\d+))?$/.exec(info);
    if (parsed === null) return [];
    const above = markdown.split("\n").slice(0, line);
    const section = above.findLast((each) => each.startsWith("## "))?.slice("## ".length) ?? "";
    const next = fences[index + 1];
    const said = /^text (output|excerpt)$/.exec(next?.info ?? "")?.[1];
    const printed = said === undefined ? {} : { [said]: next?.text.trimEnd() };
    return [
      { place: `${page}:${line}`, section, script: text.trimEnd(), exit: Number(parsed[1] ?? 0), ...printed },
    ];
  });
}

/** Names on the page stand for those that things have got here. */
export function meant(commands: Commands, names: Readonly<Record<string, string>>): Commands {
  const script = Object.entries(names).reduce(
    (text, [written, name]) => text.replaceAll(written, name),
    commands.script,
  );
  return { ...commands, script };
}

export async function runAsWritten(
  { run }: Shell,
  { place, script, exit, output, excerpt }: Commands,
): Promise<string> {
  const ran = await run(script);
  assert.equal(ran.code, exit, `${place}\n${ran.output}`);
  assert.ok(ran.output.includes(excerpt ?? ""), `${place}\n${ran.output}`);
  if (output !== undefined) assert.equal(ran.output.trimEnd(), output, place);
  return ran.output;
}
