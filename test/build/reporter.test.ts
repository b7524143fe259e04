/** The output of a run of tests: what it calls green, and that it ends whatever a test has left. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, test } from "node:test";

const REPORTER = join(import.meta.dirname, "../../tools/test/reporter.ts");
const IMPORT = 'import test from "node:test";';

interface Run {
  readonly code: number | null;
  readonly output: string;
}

async function run(files: Readonly<Record<string, string>>): Promise<Run> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "sallyport-reporter-"));
  opened.defer(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const words = [
    "--test",
    "--test-timeout=1000",
    `--test-reporter=${REPORTER}`,
    ...Object.keys(files).filter((name) => name.endsWith(".test.mjs")),
  ];
  const { NODE_TEST_CONTEXT: _, FIGURES_FILE: __, ...env } = process.env;
  const child = spawn(process.execPath, words, { cwd: folder, env: { ...env, CI: "true" } });
  const [stdout, stderr, code] = await Promise.all([
    buffer(child.stdout),
    buffer(child.stderr),
    new Promise<number | null>((resolve) => void child.on("close", resolve)),
  ]);
  return { code, output: `${stdout}${stderr}` };
}

test("tests that pass are green, with a line per file and a sum", async () => {
  const { code, output } = await run({
    "a.test.mjs": `${IMPORT} test("x", () => {}); test("y", () => {});`,
    "b.test.mjs": `${IMPORT} test("z", () => {});`,
  });
  assert.match(output, /^ok {6}a\.test\.mjs {2}2 passed/m);
  assert.match(output, /^3 passed, 0 failed, 0 skipped$/m);
  assert.equal(code, 0);
});

test("tests that another file has written count, and are told under its name", async () => {
  const { code, output } = await run({
    "cases.mjs": `${IMPORT} export const cases = () => { test("x", () => {}); test("y", () => { throw new Error("why"); }); };`,
    "a.test.mjs": 'import { cases } from "./cases.mjs"; cases();',
  });
  assert.match(output, /^FAILED {2}cases\.mjs {2}1 passed$/m);
  assert.match(output, /^1 passed, 1 failed, 0 skipped$/m);
  assert.equal(code, 1);
});

describe("what is red", { concurrency: 6 }, () => {
  for (const [what, text, says] of [
    ["a test that fails", 'test("x", () => { throw new Error("why") });', /FAILED {2}x[^]*why/],
    ["a skipped test under CI", 'test("x", { skip: "no server" }, () => {});', /a skipped test is a failure/],
    ["a file that cannot be loaded", 'throw new Error("load");', /FAILED {2}a\.test\.mjs/],
    ["a process that ends badly", 'test("x", () => {}); process.exitCode = 3;', /FAILED {2}a\.test\.mjs/],
    [
      "a hook that fails",
      'test.describe("s", () => { test("x", () => {}); test.after(() => { throw new Error("hook") }); });',
      /FAILED {2}s[^]*hook/,
    ],
    [
      "a process that goes on after its last test",
      'test("x", () => {}); setInterval(() => {}, 1000);',
      /a\.test\.mjs has said nothing for \d s, in no test that it has told of: its process is ended/,
    ],
    [
      "a process that does so and will not be told",
      'test("x", () => {}); process.on("SIGTERM", () => {}); setInterval(() => {}, 1000);',
      /in no test that it has told of: its process is ended/,
    ],
    [
      "a hook that does not end",
      'test("x", () => {}); test.after(() => new Promise(() => setInterval(() => {}, 1000)));',
      /a\.test\.mjs has said nothing for \d s, in [^:]*: its process is ended/,
    ],
    [
      "a test that holds the processor",
      'test("x", () => { for (;;); });',
      /a\.test\.mjs has said nothing for \d s, in [^:]*: its process is ended/,
    ],
    [
      "a program that outlives its file and holds its outputs",
      'import { spawn } from "node:child_process"; test("x", () => { spawn("sleep", ["3600"], { stdio: "inherit", detached: true }).unref(); });',
      /a\.test\.mjs has left a program that holds its outputs, which is ended: sleep 3600/,
    ],
  ] as const)
    test(`${what} is red, and the run ends`, async () => {
      const { code, output } = await run({ "a.test.mjs": `${IMPORT} ${text}` });
      assert.match(output, says);
      assert.equal(code, 1);
    });
});
