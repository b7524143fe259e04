/**
 * What a gateway costs beside what one would pick instead, in one run: `node bench/performance.ts [--only=ROW,…] [--gateways=one,…]
 * [--short] [--json=FILE] [--publish]`; the last makes docs/performance.md of it. Compare what was measured in one run; absolute numbers of a shared machine say little.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { documentOf } from "./performance/document.ts";
import { DOCUMENT, PUBLISHED } from "./performance/files.ts";
import { GATEWAYS } from "./performance/kinds.ts";
import { marksOf } from "./performance/marks.ts";
import { printMarks, printRow } from "./performance/print.ts";
import { run } from "./performance/run.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    gateways: { type: "string" },
    short: { type: "boolean", default: false },
    json: { type: "string", default: ".cache/bench/performance.json" },
    publish: { type: "boolean", default: false },
  },
});
const kinds = Object.entries(GATEWAYS).filter(([key]) => values.gateways?.split(",").includes(key) ?? true);
const results = await run({
  kinds: kinds.map(([, kind]) => kind),
  only: values.only?.split(","),
  length: values.short ? "short" : "long",
  onRow: (id, figures) => process.stdout.write(printRow(id, figures)),
});
if (values.only === undefined) process.stdout.write(printMarks(marksOf(results)));
await mkdir(dirname(values.json), { recursive: true });
await writeFile(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
if (values.publish) {
  await writeFile(PUBLISHED, `${JSON.stringify(results, undefined, 2)}\n`);
  await writeFile(DOCUMENT, documentOf(results));
}
const { load, seconds } = results;
console.log(
  `\n${Math.round(seconds)} s; load average ${load.before} before, ${load.after} after; ${values.json}`,
);
