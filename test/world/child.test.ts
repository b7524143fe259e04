/** Programs as children: what is known of one when it is said to have ended. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startChild } from "#tools/world/child.ts";

const LINES = 5_000;
/** More than a pipe holds, on both outputs, and the end right behind. */
const TALKER = `
const { writeSync } = require("node:fs");
for (let line = 0; line < ${LINES}; line += 1) writeSync(1 + (line % 2), "line " + line + " of what is said\\n");
process.exit(3);`;

test("a program that has ended has been heard to its last word", async () => {
  await using child = startChild([process.execPath, "-e", TALKER]);
  const { code } = await child.exited;
  assert.equal(code, 3);
  assert.equal(child.output().match(/^line \d+ of what is said$/gm)?.length, LINES);
});

test("so have those that it leaves behind, when they are about to end", async () => {
  await using child = startChild(["sh", "-c", "{ sleep 0.2; echo last words; } & exit 4"]);
  await child.exited;
  assert.match(child.output(), /last words/);
});

test("one that another holds the outputs of has ended all the same", async () => {
  await using child = startChild(["sh", "-c", "sleep 60 & echo $!; exit 4"]);
  const [pid] = await child.line(/^\d+$/m);
  try {
    assert.equal((await child.exited).code, 4);
  } finally {
    process.kill(Number(pid), "SIGKILL");
  }
});
