import assert from "node:assert/strict";
import { test } from "node:test";
import { errorFields, type LogLevel, openLog } from "#runtime/log.ts";

function capture(level: LogLevel = "info"): {
  lines: Record<string, unknown>[];
  log: ReturnType<typeof openLog>;
} {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string): void => {
    assert.ok(line.endsWith("\n"));
    lines.push(JSON.parse(line) as Record<string, unknown>);
  };
  return { lines, log: openLog({ write, level, nowMs: () => 0, fields: { program: "test" } }) };
}

test("a line is one JSON object with time, level, message and fields", () => {
  const { lines, log } = capture();
  log.info("listening", { port: 5432, socket: undefined });
  assert.deepEqual(lines, [
    { time: "1970-01-01T00:00:00.000Z", level: "info", message: "listening", program: "test", port: 5432 },
  ]);
});

test("a child carries its fields on every line and leaves its parent alone", () => {
  const { lines, log } = capture();
  log.with({ worker: "1" }).warn("slow");
  log.warn("slow");
  assert.deepEqual(
    lines.map(({ worker }) => worker),
    ["1", undefined],
  );
});

test("what is below the level is not written, what is at it is", () => {
  const { lines, log } = capture("warn");
  log.info("quiet");
  log.debug("quiet");
  log.warn("heard");
  log.error("heard");
  assert.deepEqual(
    lines.map(({ message }) => message),
    ["heard", "heard"],
  );
});

test("a newline in a field cannot forge a second line", () => {
  const { lines, log } = capture();
  log.info('two\n{"level":"info"}', { name: "a\nb" });
  assert.equal(lines.length, 1);
});

test("a field is cut where a payload would begin", () => {
  const { lines, log } = capture();
  log.info("long", { text: "x".repeat(10_000) });
  assert.equal(String(lines[0]?.["text"]).length, 513);
});

test("an error shows its class, code and words, not its stack", () => {
  const error = Object.assign(new RangeError("out of range"), { code: "E_RANGE" });
  assert.deepEqual(errorFields(error), {
    error: "RangeError",
    errorCode: "E_RANGE",
    errorText: "out of range",
  });
  assert.deepEqual(errorFields("thrown"), { error: "string" });
});
