/**
 * `make conformance`: suites of others, and exchanges of our own, straight, through pgbouncer and through the gateway; one column for
 * each way. Ends with 0 only when what differs through the gateway is what test/conformance/differences.yaml says.
 *
 * `--only=exchanges,node-postgres,pg_regress` · `--versions=15,18` · `--page` writes docs/conformance.md anew. FIGURES_FILE gets the
 * figures as JSON, and CONFORMANCE_FILE all of the result.
 */
import { writeFileSync } from "node:fs";
import type { PostgresVersion } from "#tools/postgres/binaries.ts";
import { versionOf } from "#tools/world/pgbouncer.ts";
import { type Judgement, judge, readDifferences } from "./differences.ts";
import { runExchanges } from "./exchanges.ts";
import { releaseOfNodePostgres, runAgain, runNodePostgres } from "./node-postgres.ts";
import { differing, type Outcomes } from "./outcomes.ts";
import { type Column, type Row, figuresOf, tableOf, writePage } from "./page.ts";
import { openRegress, type RegressFolder, releaseOfRegress } from "./regress.ts";
import { WAYS, type Way, type WayName, openWay } from "./ways.ts";

interface Suite {
  readonly name: string;
  readonly versions: readonly PostgresVersion[];
  /** One way after the other: what they write is in one folder. */
  readonly inTurn: boolean;
  readonly release: string;
  readonly run: (way: Way) => Promise<Outcomes>;
  /** Those that differ once more, one way after the other: what does not differ then was the machine's. */
  readonly again?: (way: Way, tests: readonly string[]) => Promise<Outcomes>;
}

const only = wordOf("only")?.split(",");
const versions = wordOf("versions")?.split(",").map(Number);

await using opened = new AsyncDisposableStack();
const listed = await readDifferences();
const rows: Row[] = [];
const judgements: [string, Judgement][] = [];
const details: Record<string, unknown> = {};
for (const suite of await suites(opened)) {
  if (only?.includes(suite.name) === false) continue;
  for (const version of suite.versions) {
    if (versions?.includes(version) === false) continue;
    const title = `${suite.name} on PostgreSQL ${version}`;
    const startMs = Date.now();
    const runs = await onEveryWay(suite, version);
    const direct = runs.direct.outcomes;
    const columns = WAYS.map((way): Column => {
      const { outcomes, seconds: took } = runs[way];
      return { way, tests: outcomes.size, differing: differing(direct, outcomes), seconds: took };
    });
    const seconds = Math.round((Date.now() - startMs) / 1000);
    rows.push({ title, release: suite.release, columns, seconds });
    const through = columns.find(({ way }) => way === "gateway")?.differing ?? [];
    judgements.push([title, judge(suite.name, through, listed)]);
    for (const test of through)
      details[`${title}: ${test}`] = { direct: direct.get(test), gateway: runs.gateway.outcomes.get(test) };
    const each = suite.inTurn
      ? ` (${columns.map(({ way, seconds: took }) => `${way} ${took} s`).join(", ")})`
      : "";
    console.error(`… ${title}: ${seconds} s${each}`);
  }
}

console.log(tableOf(rows));
for (const [title, { unlisted, over }] of judgements) {
  for (const test of unlisted) console.log(`RED  ${title}: ${test} differs, and is not on the list`);
  for (const test of over) console.log(`RED  ${title}: ${test} is on the list, and differs no more`);
}
const isGood = judgements.every(([, { unlisted, over }]) => unlisted.length + over.length === 0);
console.log(`${rows.length} runs, ${isGood ? "as listed" : "NOT as listed"}`);
if (process.env["FIGURES_FILE"] !== undefined)
  writeFileSync(process.env["FIGURES_FILE"], JSON.stringify(figuresOf(rows)));
if (process.env["CONFORMANCE_FILE"] !== undefined)
  writeFileSync(
    process.env["CONFORMANCE_FILE"],
    JSON.stringify({ isGood, rows, judgements, details }, null, 2),
  );
if (process.argv.includes("--page")) writePage(rows, listed, versionOf("pgbouncer", "-V") ?? "?");
process.exitCode = isGood && rows.length > 0 ? 0 : 1;

async function suites(stack: AsyncDisposableStack): Promise<readonly Suite[]> {
  let folder: RegressFolder | undefined;
  return [
    {
      name: "exchanges",
      versions: [15, 17, 18],
      inTurn: false,
      release: "our own",
      run: runExchanges,
    },
    {
      name: "node-postgres",
      versions: [15, 17, 18],
      inTurn: false,
      release: await releaseOfNodePostgres(),
      run: runNodePostgres,
      again: runAgain,
    },
    {
      name: "pg_regress",
      versions: [15],
      inTurn: true,
      release: await releaseOfRegress(),
      async run(way) {
        folder ??= stack.use(await openRegress());
        return folder.run(way);
      },
    },
  ];
}

interface Run {
  readonly outcomes: Outcomes;
  readonly seconds: number;
}

async function timed(suite: Suite, way: Way): Promise<Run> {
  const startMs = Date.now();
  const outcomes = await suite.run(way);
  return { outcomes, seconds: Math.round((Date.now() - startMs) / 1000) };
}

async function onEveryWay(suite: Suite, version: PostgresVersion): Promise<Readonly<Record<WayName, Run>>> {
  if (suite.inTurn) {
    const alone = async (name: WayName): Promise<Run> => {
      await using way = await openWay(name, version);
      // Awaited here: the way is to be open until the end.
      return await timed(suite, way);
    };
    return {
      direct: await alone("direct"),
      pgbouncer: await alone("pgbouncer"),
      gateway: await alone("gateway"),
    };
  }
  // Opened one after the other, so that none finds a port free that another is about to take.
  await using direct = await openWay("direct", version);
  await using pgbouncer = await openWay("pgbouncer", version);
  await using gateway = await openWay("gateway", version);
  const runs = await Promise.all([direct, pgbouncer, gateway].map((way) => timed(suite, way)));
  const [straight, pooled, through] = runs;
  if (straight === undefined || pooled === undefined || through === undefined)
    throw new TypeError("a way has no outcome");
  const [first, last] = await onceMore(suite, [straight, direct], [through, gateway]);
  return { direct: first, pgbouncer: pooled, gateway: last };
}

type Ran = readonly [Run, Way];

async function onceMore(suite: Suite, ...sides: readonly [Ran, Ran]): Promise<readonly [Run, Run]> {
  const [[straight], [through]] = sides;
  const tests = differing(straight.outcomes, through.outcomes);
  const renewed = async ([run, way]: Ran): Promise<Run> => {
    const again = tests.length === 0 ? undefined : await suite.again?.(way, tests);
    return { ...run, outcomes: new Map([...run.outcomes, ...(again ?? [])]) };
  };
  const runs = [await renewed(sides[0]), await renewed(sides[1])] as const;
  const gone = tests.filter((test) => runs[0].outcomes.get(test) === runs[1].outcomes.get(test));
  if (gone.length > 0) console.error(`… differed once, and not again: ${gone.join(", ")}`);
  return runs;
}

function wordOf(name: string): string | undefined {
  const prefix = `--${name}=`;
  return process.argv.find((word) => word.startsWith(prefix))?.slice(prefix.length);
}
