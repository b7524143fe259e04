/** node-postgres' integration tests, one process for each file, on the tables that its own script makes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Outcomes } from "./outcomes.ts";
import type { Way } from "./ways.ts";

const SOURCES = fileURLToPath(new URL("../../.cache/conformance/node-postgres/packages/pg", import.meta.url));
/** It has test cases that wait; nobody's takes half of this alone. */
const FILE_MS_MAX = 120_000;
const DATABASE = "suite";
/** Its own limit of five seconds is for an idle machine. */
const EXPECT_MS_MAX = 60_000;

export async function releaseOfNodePostgres(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(SOURCES, "package.json"), "utf8")) as {
    version: string;
  };
  return version;
}

export async function runNodePostgres(way: Way): Promise<Outcomes> {
  const environment = environmentOf(way);
  await made(["-e", MAKE_DATABASE], { ...environment, PGDATABASE: "postgres" });
  await made(["script/create-test-tables.js"], environment);
  const files = await readdir(join(SOURCES, "test/integration"), { recursive: true });
  const tests = files.filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length));
  return outcomesOf(tests.toSorted(), environment);
}

/** Of those tests once more, on tables that are there. Some give their server fifty milliseconds, which a busy machine may not have. */
export function runAgain(way: Way, tests: readonly string[]): Promise<Outcomes> {
  return outcomesOf(tests, environmentOf(way));
}

const SUFFIX = "-tests.js";

async function outcomesOf(
  tests: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Outcomes> {
  const outcomes = new Map<string, string>();
  for (const test of tests)
    outcomes.set(test, outcomeOf(await node([`test/integration/${test}${SUFFIX}`], environment)));
  return outcomes;
}

const environmentOf = (way: Way): Readonly<Record<string, string>> => ({
  PGHOST: "127.0.0.1",
  PGPORT: String(way.portFor(process.getuid?.() ?? -1)),
  PGUSER: "postgres",
  PGDATABASE: DATABASE,
  TEST_TIMEOUT: String(EXPECT_MS_MAX),
});

const MAKE_DATABASE = `
  const { Client } = require("./lib");
  (async () => {
    const client = new Client();
    await client.connect();
    await client.query("CREATE DATABASE ${DATABASE}");
    await client.end();
  })();`;

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Which of its tests went well, in order, and whether all did. */
function outcomeOf({ code, output }: Ended): string {
  const passed = output.split("\n").filter((line) => line.endsWith("✔"));
  return [...passed.map((line) => line.trim()), code === 0 ? "passed" : "failed"].join("\n");
}

async function made(words: readonly string[], environment: Readonly<Record<string, string>>): Promise<void> {
  const { code, output } = await node(words, environment);
  if (code !== 0) throw new Error(`node-postgres' tables cannot be made:\n${output}`);
}

async function node(words: readonly string[], environment: Readonly<Record<string, string>>): Promise<Ended> {
  const child = spawn(process.execPath, words, {
    cwd: SOURCES,
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: FILE_MS_MAX,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}
