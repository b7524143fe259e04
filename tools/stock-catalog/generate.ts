/**
 * Writes core/statements/postgres/stock-names.gen.ts; with --check it writes nothing and fails when that would change.
 * Run it after a new minor release in package.json or a change in verdicts.ts.
 */
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { STOCK_FILE } from "./file.ts";
import { render } from "./render.ts";
import { takeSnapshots } from "./snapshot.ts";

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
const fresh = render(await takeSnapshots());
if (!values.check) {
  await writeFile(STOCK_FILE, fresh);
} else if ((await readFile(STOCK_FILE, "utf8")) !== fresh) {
  process.stderr.write("stock-names.gen.ts is stale: run `make generate` and review the difference\n");
  process.exitCode = 1;
}
