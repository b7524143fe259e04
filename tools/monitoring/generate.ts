/** `node tools/monitoring/generate.ts [--check]`: writes the dashboards of the chart, or says which are not as they would be written. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DASHBOARDS } from "./dashboards/dashboards.ts";
import { grafana } from "./grafana.ts";

const FOLDER = join(import.meta.dirname, "../../charts/sallyport/monitoring/dashboards");
const isCheck = process.argv.includes("--check");

const old = Object.entries(DASHBOARDS).flatMap(([name, dashboard]) => {
  const file = join(FOLDER, `${name}.json`);
  const text = `${JSON.stringify(grafana(dashboard), null, 1)}\n`;
  if (!isCheck) writeFileSync(file, text);
  return isCheck && readFileSync(file, "utf8") !== text ? [file] : [];
});
for (const file of old) console.error(`${file} is not as tools/monitoring writes it: make generate`);
process.exitCode = old.length === 0 ? 0 : 1;
