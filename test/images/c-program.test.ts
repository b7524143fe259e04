/** What is C is compiled where it is needed, and where it cannot be, somebody is told what to install. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const TOOL = fileURLToPath(new URL("../../tools/images/make-addon.ts", import.meta.url));
const problem = process.platform !== "linux" && "what the addon asks is Linux's to answer";

describe("the addon", { skip: problem }, () => {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-native-"));
  after(() => rmSync(folder, { recursive: true }));
  const make = (path: string) => {
    const environment = { ...process.env, PATH: path, SALLYPORT_CACHE: join(folder, "cache") };
    return spawnSync(process.execPath, [TOOL], { encoding: "utf8", env: environment });
  };

  test("without a compiler, whoever runs make is told so in a line", () => {
    const { status, stderr } = make(folder);
    assert.equal(status, 2);
    assert.equal(stderr, "native: no C compiler: install gcc, or clang with a link named cc\n");
  });

  test("with one, on a machine that never had it, it is compiled once and is what the tree has", () => {
    const first = make(process.env["PATH"] ?? "");
    assert.equal(first.status, 0, first.stderr);
    const built = readdirSync(join(folder, "cache/native")).filter((name) => name !== "lock");
    assert.equal(built.length, 1);
    const file = join(folder, "cache/native", built[0] ?? "");
    const inTree = fileURLToPath(new URL("../../runtime/native/sockets.node", import.meta.url));
    assert.ok(readFileSync(file).equals(readFileSync(inTree)));
    const madeMs = statSync(file).mtimeMs;
    assert.equal(make(process.env["PATH"] ?? "").status, 0);
    assert.equal(statSync(file).mtimeMs, madeMs);
  });
});
