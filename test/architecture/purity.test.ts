import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT, repositoryFiles, textOf } from "./sources.ts";

/** Each of these would let `core/` act instead of decide; the linter has to refuse it there and only there. */
const IMPURE = {
  "a file": 'import { readFileSync } from "node:fs";\nexport const f = readFileSync;',
  "a socket": 'import { connect } from "node:net";\nexport const f = connect;',
  "a request": 'import { get } from "node:http";\nexport const f = get;',
  "a module without its prefix": 'import { readFileSync } from "fs";\nexport const f = readFileSync;',
  "a random number": 'import { randomBytes } from "node:crypto";\nexport const f = randomBytes;',
  "the clock": "export const f = (): number => Date.now();",
  "a timer": "export const f = (): unknown => setTimeout(() => 1, 1);",
  "the performance clock": "export const f = (): number => performance.now();",
  "the environment": 'export const f = (): unknown => process.env["HOME"];',
  "the global object": "export const f = (): unknown => globalThis;",
  chance: "export const f = (): number => Math.random();",
} as const;

function lint(room: string, source: string): number | null {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-lint-"));
  try {
    mkdirSync(join(folder, room));
    writeFileSync(join(folder, room, "planted.ts"), `${source}\n`);
    copyFileSync(join(ROOT, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
    const oxlint = join(ROOT, "node_modules/.bin/oxlint");
    return spawnSync(oxlint, ["--config", ".oxlintrc.json", "--quiet", "."], { cwd: folder }).status;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const [what, source] of Object.entries(IMPURE)) {
  test(`core/ cannot reach ${what}`, () => assert.equal(lint("core", source), 1));
}

test("core/ may compute a digest", () => {
  const source =
    'import { createHash } from "node:crypto";\nexport const f = (): unknown => createHash("sha256");';
  assert.equal(lint("core", source), 0);
});

test("the other rooms may act", () => assert.equal(lint("runtime", IMPURE["a file"]), 0));

test("core/ never asks what time it is through the Date constructor", () => {
  const asking = repositoryFiles(/^core\/.*\.ts$/).filter((file) =>
    /\bnew Date\(\s*\)|[^.\w]Date\(\s*\)/.test(textOf(file)),
  );
  assert.deepEqual(asking, []);
});
