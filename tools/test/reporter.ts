/**
 * Test output for people and CI: a line per file, every failure in full, then the counts. Under CI=true a skipped test
 * is a failure, because a tier that could not start has proved nothing.
 *
 * Tests hand figures over with `t.diagnostic("figure NAME=VALUE")`; they are printed, and written as JSON to
 * FIGURES_FILE for the acceptance report.
 */
import { relative } from "node:path";
import { writeFileSync } from "node:fs";
import { inspect } from "node:util";
import type { TestEvent } from "node:test/reporters";

interface FileTally {
  passed: number;
  failed: number;
  skipped: number;
  durationMs: number;
}

const FIGURE = /^figure ([\w.-]+)=(.*)$/;

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files = new Map<string, FileTally>();
  const failures: string[] = [];
  const figures: Record<string, string> = {};
  for await (const event of source) {
    if (event.type === "test:diagnostic") {
      const figure = FIGURE.exec(event.data.message);
      if (figure?.[1] !== undefined && figure[2] !== undefined) figures[figure[1]] = figure[2];
    }
    if (event.type === "test:stderr") yield event.data.message;
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    if (event.data.details.type === "suite" || isFileItself(event)) {
      if (event.type === "test:fail" && (isFileItself(event) || hasFailedHook(event)))
        failures.push(describeFailure(event));
      continue;
    }
    tally(files, event);
    if (event.type === "test:fail") failures.push(describeFailure(event));
    else if (event.data.skip !== undefined && event.data.skip !== false)
      yield `skipped  ${event.data.name}: ${String(event.data.skip)}\n`;
  }
  yield* summary(files, failures, figures);
}

/** Of its tests one learns only that they were not run. */
function hasFailedHook(event: Extract<TestEvent, { type: "test:fail" }>): boolean {
  const { error } = event.data.details;
  return "failureType" in error && error.failureType === "hookFailed";
}

function isFileItself(event: TestEvent): boolean {
  if (event.type !== "test:pass" && event.type !== "test:fail") return false;
  return event.data.nesting === 0 && event.data.file !== undefined && event.data.name === event.data.file;
}

function tally(
  files: Map<string, FileTally>,
  event: Extract<TestEvent, { type: "test:pass" | "test:fail" }>,
): void {
  const file = event.data.file === undefined ? "(unknown file)" : relative(process.cwd(), event.data.file);
  const entry = files.get(file) ?? { passed: 0, failed: 0, skipped: 0, durationMs: 0 };
  files.set(file, entry);
  if (event.type === "test:fail") entry.failed += 1;
  else if (event.data.skip !== undefined && event.data.skip !== false) entry.skipped += 1;
  else entry.passed += 1;
  if (event.data.nesting === 0) entry.durationMs += event.data.details.duration_ms;
}

function describeFailure(event: Extract<TestEvent, { type: "test:pass" | "test:fail" }>): string {
  const details = event.data.details;
  const error = "error" in details ? details.error : undefined;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const place =
    event.data.file === undefined
      ? ""
      : ` (${relative(process.cwd(), event.data.file)}:${event.data.line ?? 1})`;
  return `FAILED  ${event.data.name}${place}\n${inspect(cause, { depth: 6 })}\n`;
}

function* summary(
  files: Map<string, FileTally>,
  failures: readonly string[],
  figures: Record<string, string>,
): Generator<string> {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const [file, entry] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    total.passed += entry.passed;
    total.failed += entry.failed;
    total.skipped += entry.skipped;
    const mark = entry.failed > 0 ? "FAILED" : "ok";
    yield `${mark.padEnd(6)}  ${file}  ${entry.passed} passed  ${(entry.durationMs / 1000).toFixed(1)} s\n`;
  }
  for (const failure of failures) yield `\n${failure}`;
  for (const [name, value] of Object.entries(figures)) yield `figure  ${name}  ${value}\n`;
  if (process.env["FIGURES_FILE"] !== undefined)
    writeFileSync(process.env["FIGURES_FILE"], JSON.stringify(figures));
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
