/**
 * Writes core/statements/postgres/stock-names.gen.ts; with --check it writes nothing and fails when that would change.
 * Run it after a new minor release in package.json or a change in verdicts.ts.
 */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { render } from "./render.ts";
import { takeSnapshots } from "./snapshot.ts";

const FILE = "core/statements/postgres/stock-names.gen.ts";
const path = fileURLToPath(new URL(`../../${FILE}`, import.meta.url));

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
const fresh = render(await takeSnapshots());
if (!values.check) {
  await writeFile(path, fresh);
} else if ((await readFile(path, "utf8")) !== fresh) {
  console.error(`${FILE} is stale: run \`node tools/stock-catalog/generate.ts\` and review the difference`);
  process.exitCode = 1;
}
