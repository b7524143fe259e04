/**
 * Test output for people and CI: a line per file as it ends, every failure in full, then the counts. Under CI=true a skipped
 * test is a failure, because a tier that could not start has proved nothing. A file that does not end is ended (overdue.ts).
 *
 * Tests hand figures over with `t.diagnostic("figure NAME=VALUE")`; they are printed, and written as JSON to
 * FIGURES_FILE for the acceptance report.
 */
import { writeFileSync } from "node:fs";
import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";
import { relative, resolve } from "node:path";
import { watchFiles } from "./overdue.ts";

type Ended = Extract<TestEvent, { type: "test:complete" }>;

interface FileTally {
  passed: number;
  failed: number;
  skipped: number;
  isTold: boolean;
}

const FIGURE = /^figure ([\w.-]+)=(.*)$/;

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files = new Map<string, FileTally>();
  const failures: string[] = [];
  const figures: Record<string, string> = {};
  using watch = watchFiles();
  for await (const event of source) {
    watch.see(event);
    if (event.type === "test:diagnostic") {
      const figure = FIGURE.exec(event.data.message);
      if (figure?.[1] !== undefined && figure[2] !== undefined) figures[figure[1]] = figure[2];
    }
    if (event.type === "test:stderr") yield event.data.message;
    if (event.type !== "test:complete") continue;
    const failure = failureOf(event);
    if (failure !== undefined) failures.push(failure);
    if (isFileItself(event)) yield line(event, tallyOf(files, event));
    else if (event.data.details.type !== "suite") {
      count(tallyOf(files, event), event);
      if (isSkipped(event)) yield `skipped  ${event.data.name}: ${String(event.data.skip)}\n`;
    }
  }
  failures.push(...watch.problems());
  // Files that have written tests for others.
  for (const [file, tally] of files) if (!tally.isTold) yield toldOf(file, tally);
  yield* summary([...files.values()], failures, figures);
}

/** A suite and a file fail with their tests; what is told of them is only what no test of theirs has told. */
function failureOf(event: Ended): string | undefined {
  const { details } = event.data;
  if (details.passed) return undefined;
  const type = details.error === undefined ? undefined : typeOf(details.error);
  const isOwn = details.type !== "suite" && !isFileItself(event);
  return isOwn || type !== "subtestsFailed" ? describeFailure(event) : undefined;
}

function typeOf(error: Error): unknown {
  return "failureType" in error ? error.failureType : undefined;
}

function isFileItself({ data }: Ended): boolean {
  return data.nesting === 0 && data.file !== undefined && resolve(data.name) === data.file;
}

function isSkipped({ data }: Ended): boolean {
  return data.skip !== undefined && data.skip !== false;
}

function tallyOf(files: Map<string, FileTally>, { data }: Ended): FileTally {
  const file = data.file ?? "(unknown file)";
  const entry = files.get(file) ?? { passed: 0, failed: 0, skipped: 0, isTold: false };
  files.set(file, entry);
  return entry;
}

function count(tally: FileTally, event: Ended): void {
  if (!event.data.details.passed) tally.failed += 1;
  else if (isSkipped(event)) tally.skipped += 1;
  else tally.passed += 1;
}

/** A file that fails without a failed test has not run to its end: that counts. */
function line({ data }: Ended, tally: FileTally): string {
  const isCutOff = data.details.error !== undefined && typeOf(data.details.error) !== "subtestsFailed";
  if (isCutOff && tally.failed === 0) tally.failed = 1;
  tally.isTold = true;
  return toldOf(data.file ?? data.name, tally, `  ${(data.details.duration_ms / 1_000).toFixed(1)} s`);
}

function toldOf(file: string, { passed, failed }: FileTally, time = ""): string {
  const mark = failed > 0 ? "FAILED" : "ok";
  return `${mark.padEnd(6)}  ${relative(process.cwd(), file)}  ${passed} passed${time}\n`;
}

function describeFailure({ data }: Ended): string {
  const { error } = data.details;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const place = data.file === undefined ? "" : ` (${relative(process.cwd(), data.file)}:${data.line ?? 1})`;
  return `FAILED  ${data.name}${place}\n${inspect(cause, { depth: 6 })}\n`;
}

function* summary(
  files: readonly FileTally[],
  failures: readonly string[],
  figures: Record<string, string>,
): Generator<string> {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of files) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  for (const failure of failures) yield `\n${failure}`;
  for (const [name, value] of Object.entries(figures)) yield `figure  ${name}  ${value}\n`;
  if (process.env["FIGURES_FILE"] !== undefined)
    writeFileSync(process.env["FIGURES_FILE"], JSON.stringify(figures));
  if (failures.length > 0) process.exitCode = 1;
  if (total.skipped > 0 && process.env["CI"] === "true") {
    process.exitCode = 1;
    yield "a skipped test is a failure under CI=true\n";
  }
  if (total.passed + total.failed === 0) {
    process.exitCode = 1;
    yield "no test was run\n";
  }
  yield `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`;
}
