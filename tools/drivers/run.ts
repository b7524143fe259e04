/**
 * Every driver, every feature: the same program past the gateway and through it, on real servers. What comes of it is
 * docs/drivers.json and docs/drivers.md. `--only=DRIVER,…` runs some columns and leaves the others as they are; with features or versions of
 * the server among the words nothing is written.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { PostgresVersion } from "../postgres/binaries.ts";
import { type Told, hear } from "./conversation.ts";
import { FEATURE_IDS, type FeatureId } from "./features.ts";
import { type Said, type Verdict, judge } from "./judge.ts";
import { pageOf } from "./page.ts";
import { DRIVERS, type Driver, type DriverName, missing } from "./programs.ts";
import { type Finding, PAGE, REPORT, type Report } from "./report.ts";
import { ruleFor } from "./rules.ts";
import { type DriverWorld, type Side, startDriverWorld } from "./world.ts";

/* oxlint-disable no-console -- a tool for whoever runs it */
const SHOWN_CHARS = 300;
const VERSIONS: readonly PostgresVersion[] = [15, 18];
const { values } = parseArgs({
  options: { only: { type: "string", default: "" }, show: { type: "boolean" } },
});
const only = values.only.split(",").filter((word) => word !== "");

const chosen = <Name extends string>(names: readonly Name[]): readonly Name[] => {
  const named = names.filter((name) => only.includes(name));
  return named.length === 0 ? names : named;
};

const lacking = missing();
if (lacking.length > 0) {
  console.error(`drivers: tools/setup/clients.sh has to get these first:\n${lacking.join("\n")}`);
  process.exit(2);
}

const versions = VERSIONS.filter(
  (each) => only.every((word) => !/^\d+$/.test(word)) || only.includes(String(each)),
);
const names = chosen(Object.keys(DRIVERS) as DriverName[]);
const features = chosen(FEATURE_IDS);
const servers: Record<string, string> = {};
const said: Record<string, string> = {};
const cells: Record<string, Record<string, Record<string, Finding>>> = {};
let wrong = 0;

const toRun: readonly Driver[] = names.map((name) => DRIVERS[name]);
for (const { prepare } of toRun) prepare?.();
for (const version of versions) {
  await using world = await startDriverWorld(version);
  servers[version] = world.serverVersion;
  for (const name of names) {
    const { direct, through } = await both(world, name);
    said[name] = direct.versions;
    const before = wrong;
    for (const feature of features)
      keep(version, name, feature, verdictOf(version, name, feature, [direct, through]));
    console.error(`PostgreSQL ${version}, ${name}: ${wrong === before ? "as it should be" : "differs"}`);
  }
}
if (wrong > 0) process.exitCode = 1;
else if (only.every((word) => word in DRIVERS)) {
  const report = merged(readReport());
  writeFileSync(REPORT, `${JSON.stringify(report, null, 2)}\n`);
  // The first columns of all have no page yet.
  if (Object.values(report.drivers).every((what) => what !== undefined)) writeFileSync(PAGE, pageOf(report));
  console.error(`drivers: ${features.length * names.length} cells on ${versions.length} servers`);
}

/** Columns of this run take the place of those that were there; rows and columns are those that there are now. */
function merged(before: Partial<Report>): Report {
  const all = Object.keys(DRIVERS) as DriverName[];
  const kept = (feature: FeatureId, name: DriverName) =>
    cells[feature]?.[name] ?? before.cells?.[feature]?.[name];
  return {
    servers,
    drivers: Object.fromEntries(all.map((name) => [name, said[name] ?? before.drivers?.[name]])),
    cells: Object.fromEntries(
      FEATURE_IDS.map((feature) => [
        feature,
        Object.fromEntries(all.map((name) => [name, kept(feature, name)])),
      ]),
    ),
  } as Report;
}

function readReport(): Partial<Report> {
  return existsSync(REPORT) ? (JSON.parse(readFileSync(REPORT, "utf8")) as Partial<Report>) : {};
}

async function both(world: DriverWorld, name: DriverName): Promise<{ direct: Told; through: Told }> {
  const listen = (side: Side): Promise<Told> =>
    hear(DRIVERS[name], side.environment, features, () => side.endConnections());
  const [direct, through] = await Promise.all([world.direct().then(listen), world.through().then(listen)]);
  return { direct, through };
}

function verdictOf(
  version: PostgresVersion,
  name: DriverName,
  feature: FeatureId,
  sides: readonly [Told, Told],
): Verdict {
  const silence: Said = { failed: { state: "silence", text: "the program says nothing of it" } };
  const [one, other] = sides.map((told) => told.features.get(feature) ?? silence);
  if (values.show === true) console.error(`  ${feature}: ${JSON.stringify(one).slice(0, SHOWN_CHARS)}`);
  return judge(one ?? silence, other ?? silence, ruleFor(feature, name, version));
}

function keep(version: PostgresVersion, name: DriverName, feature: FeatureId, verdict: Verdict): void {
  if (verdict.is === "differs") {
    wrong += 1;
    console.error(`  ${feature}:\n    direct  ${verdict.direct}\n    through ${verdict.through}`);
  } else ((cells[feature] ??= {})[name] ??= {})[version] = verdict;
}
