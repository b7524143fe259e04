/**
 * Sees to it that the servers of a cluster are built. `--for=GLOB`: those that the tests there need, which may be none.
 * `--while=PID`: gives up when that process is gone.
 */
import { globSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { setInterval as ticks } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  ALL_PROGRAMS,
  API_PROGRAMS,
  BuildFailed,
  type Program,
  buildProblem,
  ensurePrograms,
} from "./binaries.ts";

const WATCH_MS = 500;

const { values } = parseArgs({ options: { for: { type: "string" }, while: { type: "string" } } });
const programs = values.for === undefined ? ALL_PROGRAMS : neededBy(values.for);
const problem = programs.length === 0 ? undefined : buildProblem();
if (problem === undefined) await build();
// The tests that need it say so too, and are red under CI=true.
else say(problem);

async function build(): Promise<void> {
  const stop = new AbortController();
  const watching = values.while === undefined ? undefined : abortWithout(Number(values.while), stop);
  try {
    await ensurePrograms(programs, { say, signal: stop.signal });
  } catch (error) {
    if (!(error instanceof BuildFailed) && !stop.signal.aborted) throw error;
    say((error as Error).message);
    process.exitCode = 1;
  } finally {
    stop.abort();
    await watching;
  }
}

async function abortWithout(pid: number, stop: AbortController): Promise<void> {
  try {
    for await (const _ of ticks(WATCH_MS, undefined, { signal: stop.signal }))
      if (!isThere(pid)) stop.abort(new Error(`given up: process ${pid} is gone`));
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** By what the tests import, or their neighbours, through which they may start one. */
function neededBy(pattern: string): readonly Program[] {
  const folders = new Set(globSync(pattern).map(dirname));
  const sources = [...folders]
    .flatMap((folder) => globSync(`${folder}/*.ts`))
    .map((file) => readFileSync(file, "utf8"));
  if (sources.some((source) => /"#tools\/cluster\/node\/|\bskipWithoutNodeTier\b/.test(source)))
    return ALL_PROGRAMS;
  const isApi = sources.some((source) => /"#(?:tools\/cluster\/|test\/support\/cluster)/.test(source));
  return isApi ? API_PROGRAMS : [];
}

function say(line: string): void {
  process.stderr.write(`cluster: ${line}\n`);
}
