/** docs/performance.md, of one run. Pure. */
import type { Profile } from "../profile/frames.ts";
import { marksOf } from "./marks.ts";
import { amount, apart } from "./print.ts";
import type { Measures, Results, RowFigures } from "./results.ts";
import { type RowId, isRowId } from "./rows/row.ts";
import { MEASURES, type RowWords, WORDS } from "./words.ts";

const BUSY_LOAD = 2;
const FRAMES_TOLD = 5;

export function documentOf(results: Results): string {
  const rows = Object.entries(results.rows).map(([id, figures]) =>
    isRowId(id) ? rowPart(id, figures, results) : "",
  );
  return `${[head(results), marksPart(results), ...rows, TAIL].filter((part) => part !== "").join("\n\n")}\n`;
}

function head({ at, machine, load, versions }: Results): string {
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version.replace(/^v/, "")}`);
  const busy =
    load.before > BUSY_LOAD
      ? "\n\n> The machine was busy with other things during this run: read ratios only, and those with care."
      : "";
  return `# Performance

What the gateway costs beside what one would pick instead, measured in one run by \`make bench\`. Generated from
\`bench/performance/published.json\` by \`node bench/document.ts\`; do not edit.

${at.slice(0, 10)} on ${machine.processors} processors (${machine.processor}), Linux ${machine.kernel}; ${programs.join(", ")}.
Load average ${load.before} before and ${load.after} after. Client, server and what is in between share the processors and
the loopback, so compare rows of this run with each other; absolute numbers of another machine are other numbers.${busy}

| target | what it is |
|---|---|
| direct | nothing in between |
| haproxy | copies bytes (\`mode tcp\`) |
| pgbouncer | a pooler, one server connection a session |
| relay | the least that a relay in Node.js can do and still see every message: our floor |
| gateway | policy, audit within a window, redaction of two columns; one worker |
| gateway-strict | the same process and policy, through a Connection with \`trail: {reads: durableFirst}\` |
| gateway-2-workers | the same as gateway, two workers |
| direct-tls, pgbouncer-tls, gateway-tls | the same with TLS, to the client and to the server |

Every figure is the median of several rounds; ± is half of how far the rounds lie apart.`;
}

function marksPart(results: Results): string {
  const lines = marksOf(results).map(({ says, bound, limit, unit, value, holds }) => {
    const is = value === undefined ? "not measured" : `${amount(value)} ${unit}`;
    return `| ${says} | ${bound} ${limit} ${unit} | ${is} | ${holds === undefined ? "–" : holds ? "yes" : "**no**"} |`;
  });
  return `## Marks\n\n| of the gateway | mark | measured | held |\n|---|---|---|---|\n${lines.join("\n")}`;
}

function rowPart(id: RowId, figures: RowFigures, { profiles }: Results): string {
  const { title, explained, limits, profile }: RowWords = WORDS[id];
  const taken = profile === undefined ? undefined : profiles[profile];
  const told = taken === undefined ? "" : ` ${framesOf(taken)}`;
  return `## ${title}\n\n${explained}\n\n${tableOf(figures)}\n\nWhat limits it: ${limits}${told}`;
}

function tableOf(figures: RowFigures): string {
  const measures = [...new Set(Object.values(figures).flatMap((each) => Object.keys(each)))];
  const header = measures.map((measure) => MEASURES[measure] ?? measure);
  const lines = Object.entries(figures).map(
    ([target, each]) => `| ${target} | ${measures.map((measure) => cell(each, measure)).join(" | ")} |`,
  );
  return `| | ${header.join(" | ")} |\n|${"---|".repeat(measures.length + 1)}\n${lines.join("\n")}`;
}

function cell(measures: Measures, measure: string): string {
  const figure = measures[measure];
  return figure === undefined ? "–" : `${amount(figure.median)}${apart(figure)}`;
}

function framesOf({ frames, busyUs, done }: Profile): string {
  const told = frames.slice(0, FRAMES_TOLD).map(({ name, place, selfUs }) => {
    const where = place === "" ? "" : ` in \`${place.replace(/:\d+$/, "")}\``;
    return `\`${name}\`${where} ${((selfUs / busyUs) * 100).toFixed(0)} %`;
  });
  const each = done === 0 ? "" : ` of ${amount(busyUs / done)} µs each`;
  return `The worker's own frames${each}: ${told.join(", ")}.`;
}

const TAIL = `## Doing it again

\`make bench\` takes some minutes and wants a machine that does nothing else; it prints every row and mark and writes JSON.
\`make bench-check\` makes a shorter run and compares its ratios with \`bench/performance/baseline.json\`: it fails where one is worse than
the worst of the baseline's five runs by more than those differ from each other, and by more than a tenth. \`make bench-publish\`
makes that file and this page anew. \`node bench/profile.ts --what=simple\` prints the frames in which the gateway's time goes.

The client is a C program of ours (\`bench/probe\`), so what is measured is not the client.`;
