/** What of docs/fuzzing.md is not written by hand: the last whole run, and the defects that are planted. */
import { readFileSync, writeFileSync } from "node:fs";
import { DEFECTS } from "#test/fuzz/defects/defects.ts";
import { FUZZERS } from "#test/fuzz/fuzzers.ts";
import type { LaneReport } from "./lane.ts";

/** docs/fuzzing.json */
export interface RunReport {
  readonly day: string;
  readonly minutes: number;
  readonly seed: number;
  readonly seconds: number;
  readonly lanes: readonly LaneReport[];
}

const REPORT = new URL("../../docs/fuzzing.json", import.meta.url);
const PAGE = new URL("../../docs/fuzzing.md", import.meta.url);
/** A shorter run says too little to be told of. */
export const TOLD_MINUTES_MIN = 20;

export function publish(report: RunReport): void {
  writeFileSync(REPORT, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(PAGE, pageOf(readPage(), report));
}

export const readPage = (): string => readFileSync(PAGE, "utf8");
export const readReport = (): RunReport => JSON.parse(readFileSync(REPORT, "utf8")) as RunReport;

/** The page with both parts as they have to be. */
export function pageOf(page: string, report: RunReport): string {
  return withPart(withPart(page, "the last run", runPart(report)), "planted defects", defectsPart());
}

/** Between two comments that name it. */
function withPart(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name}: written by make fuzz -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/fuzzing.md has no part between "${begin}" and "${end}"`);
  return `${page.slice(0, from)}${begin}\n${text}\n${page.slice(to)}`;
}

function runPart({ day, minutes, seed, seconds, lanes }: RunReport): string {
  const rows = lanes.map(
    ({ name, executions, told, findings }) =>
      `| \`${name}\` | ${executions.toLocaleString("en")} | ${findings.length === 0 ? "nothing" : findings.length} | ${told ?? ""} |`,
  );
  return [
    `\`make fuzz MINUTES=${minutes}\` on ${day}: ${Math.round(seconds)} seconds with seed ${seed}.`,
    "",
    "| | executions | found | |",
    "|---|--:|---|---|",
    ...rows,
  ].join("\n");
}

function defectsPart(): string {
  const counts = FUZZERS.map(({ name }) => {
    const planted = DEFECTS.filter(({ by }) => by === name);
    return `${planted.length} for \`${name}\``;
  });
  return `There are ${DEFECTS.length}: ${counts.join(", ")}.`;
}

if (import.meta.main) writeFileSync(PAGE, pageOf(readPage(), readReport()));
