/** Rows that arrive in two pieces, cut anywhere, between results that are masked and results that are not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { cstring, int16, int32, message } from "#core/wire/postgres/fields.ts";
import { readyForQuery } from "#core/wire/postgres/messages.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { loadEngine, openEngine } from "#test/fuzz/mirror/engine.ts";
import { RecordingTap } from "#test/fuzz/mirror/tap.ts";

const TEXT = 25;
const column = (name: string): Buffer =>
  Buffer.concat([cstring(name), int32(4_711), int16(1), int32(TEXT), int16(-1), int32(-1), int16(0)]);
const row = (value: string): Buffer =>
  message("D", int16(1), int32(value.length), Buffer.from(value, "latin1"));
const result = (name: string, values: readonly string[]): Buffer =>
  Buffer.concat([
    message("T", int16(1), column(name)),
    ...values.map(row),
    message("C", cstring(`SELECT ${values.length}`)),
    readyForQuery("I"),
  ]);

const QUERY = message("Q", cstring("select 1"));
const PLAIN = result("name", ["ada", "grace"]);
const SECRET = result("secret", ["hunter2", "sesame"]);
const MASKED = result("secret", ["***", "***"]);

test("every cut of a plain result, a masked one and a plain one comes to the same", async () => {
  const modules = await loadEngine();
  await using analyst = openAnalyst();
  const answers = Buffer.concat([PLAIN, SECRET, PLAIN]);
  for (let cut = 0; cut <= answers.length; cut += 1) {
    const engine = openEngine(modules, {
      tap: new RecordingTap(true, () => false),
      analyse: (text, context) => analyst.analyse(text, context),
      actions: (actions) => actions,
      onCancel: () => Promise.resolve(),
      isPathReported: true,
    });
    for (let count = 0; count < 3; count += 1) engine.fromClient(QUERY);
    // The very first has to be parsed, and its parser started.
    while (engine.core.expected.length < 3) await setImmediate();
    engine.fromUpstream(answers.subarray(0, cut));
    engine.fromUpstream(answers.subarray(cut));
    const heard = Buffer.concat(engine.takeForClient());
    assert.deepEqual(engine.failures, []);
    assert.ok(heard.equals(Buffer.concat([PLAIN, MASKED, PLAIN])), `cut at ${cut}`);
  }
});
