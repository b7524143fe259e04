import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { SECRET_BYTES_MAX, readPrivateFile } from "#broker/sources/private-file.ts";

function folderFor(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-private-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function textOf(path: string): Promise<string> {
  using secret = await readPrivateFile(path);
  return Buffer.from(secret.reveal()).toString("latin1");
}

test("one line break at the end is an editor's, everything else is the secret", async (context) => {
  const path = join(folderFor(context), "secret");
  for (const [stored, read] of [
    ["pass", "pass"],
    ["pass\n", "pass"],
    ["pass\r\n", "pass"],
    ["pass\n\n", "pass\n"],
    [" pass ", " pass "],
    ["\npass", "\npass"],
    ["p\0ss", "p\0ss"],
    ["x".repeat(SECRET_BYTES_MAX), "x".repeat(SECRET_BYTES_MAX)],
  ] as const) {
    writeFileSync(path, stored, { mode: 0o600 });
    assert.equal(await textOf(path), read);
  }
});

test("a file that somebody else could have read or written is not read", async (context) => {
  const folder = folderFor(context);
  const path = join(folder, "secret");
  writeFileSync(path, "canary", { mode: 0o600 });
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666]) {
    chmodSync(path, mode);
    await assert.rejects(readPrivateFile(path), /others can read it/);
  }
  for (const mode of [0o600, 0o400, 0o700]) {
    chmodSync(path, mode);
    assert.equal(await textOf(path), "canary");
  }
  chmodSync(folder, 0o770);
  await assert.rejects(readPrivateFile(path), /its folder can be written by others \(mode 0770\)/);
  chmodSync(folder, 0o1777);
  assert.equal(await textOf(path), "canary");
  chmodSync(folder, 0o755);
  assert.equal(await textOf(path), "canary");
});

test("a file or folder of another user is not read", {
  skip: process.getuid?.() === 0 ? false : "needs root to give files away",
}, async (context) => {
  const folder = folderFor(context);
  const path = join(folder, "secret");
  writeFileSync(path, "canary", { mode: 0o600 });
  chownSync(path, 65_534, 65_534);
  await assert.rejects(readPrivateFile(path), /belongs to user 65534/);
  chownSync(path, 0, 0);
  chownSync(folder, 65_534, 65_534);
  await assert.rejects(readPrivateFile(path), /its folder belongs to user 65534/);
  chownSync(folder, 0, 0);
  assert.equal(await textOf(path), "canary");
});

test("links are followed as mounted secrets need, and judged by where they lead", async (context) => {
  const folder = folderFor(context);
  mkdirSync(join(folder, "..data"));
  writeFileSync(join(folder, "..data", "secret"), "mounted", { mode: 0o600 });
  symlinkSync("..data/secret", join(folder, "secret"));
  assert.equal(await textOf(join(folder, "secret")), "mounted");
  chmodSync(join(folder, "..data", "secret"), 0o644);
  await assert.rejects(readPrivateFile(join(folder, "secret")), /others can read it/);
  symlinkSync("loop", join(folder, "loop"));
  await assert.rejects(readPrivateFile(join(folder, "loop")), /ELOOP/);
});

test("what is no file, empty or too large is refused, and nothing is waited for", async (context) => {
  const folder = folderFor(context);
  const pipe = join(folder, "pipe");
  execFileSync("sh", ["-c", 'exec mkfifo -m 600 "$0"', pipe]);
  await assert.rejects(readPrivateFile(pipe), /it is not a file/);
  await assert.rejects(readPrivateFile(folder), /not a file|folder/);
  const path = join(folder, "secret");
  for (const [text, why] of [
    ["", /it is empty/],
    ["\n", /it is empty/],
    ["x".repeat(SECRET_BYTES_MAX + 1), /more than 4096 bytes/],
    ["x".repeat(100_000), /more than 4096 bytes/],
  ] as const) {
    writeFileSync(path, text, { mode: 0o600 });
    await assert.rejects(
      readPrivateFile(path),
      (error: Error) => why.test(error.message) && !error.message.includes("xxx"),
    );
  }
  await assert.rejects(readPrivateFile(join(folder, "none")), /ENOENT/);
});
