import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { watchFolder } from "#runtime/watch.ts";

interface Watched extends AsyncDisposable {
  readonly folder: string;
  /** Resolves when this content has been reported. */
  saw(content: string): Promise<void>;
  readonly seen: readonly string[];
  readonly errors: readonly unknown[];
}

async function watched(prepare: (folder: string) => void, file: string): Promise<Watched> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-watch-"));
  prepare(folder);
  const stop = new AbortController();
  const seen: string[] = [];
  const errors: unknown[] = [];
  const waiting = new Map<string, () => void>();
  await watchFolder({
    folder,
    intervalMs: 50,
    read: async () => readFileSync(join(folder, file), "utf8"),
    keyOf: (content) => content,
    onChange: (content) => {
      seen.push(content);
      waiting.get(content)?.();
    },
    onError: (error) => errors.push(error),
    signal: stop.signal,
  });
  return {
    folder,
    seen,
    errors,
    saw: (content) =>
      seen.includes(content) ? Promise.resolve() : new Promise((resolve) => waiting.set(content, resolve)),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      rmSync(folder, { recursive: true });
    },
  };
}

test("the first content is reported before anything changes", async () => {
  await using files = await watched((folder) => writeFileSync(join(folder, "a"), "1"), "a");
  assert.deepEqual(files.seen, ["1"]);
});

test("an edit in place is noticed", async () => {
  await using files = await watched((folder) => writeFileSync(join(folder, "a"), "1"), "a");
  writeFileSync(join(files.folder, "a"), "2");
  await files.saw("2");
});

test("a file renamed over another, as editors save, is noticed", async () => {
  await using files = await watched((folder) => writeFileSync(join(folder, "a"), "1"), "a");
  writeFileSync(join(files.folder, ".a.tmp"), "2");
  renameSync(join(files.folder, ".a.tmp"), join(files.folder, "a"));
  await files.saw("2");
});

test("a symlink swapped to another folder, as Kubernetes mounts do, is noticed", async () => {
  await using files = await watched((folder) => {
    for (const version of ["1", "2"]) {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, "a"), version);
    }
    symlinkSync("1", join(folder, "..data"));
  }, "..data/a");
  symlinkSync("2", join(files.folder, "..next"));
  renameSync(join(files.folder, "..next"), join(files.folder, "..data"));
  await files.saw("2");
});

test("a read that fails is reported and the next change is still noticed", async () => {
  await using files = await watched((folder) => writeFileSync(join(folder, "a"), "1"), "a");
  rmSync(join(files.folder, "a"));
  while (files.errors.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  writeFileSync(join(files.folder, "a"), "3");
  await files.saw("3");
});

test("the same content again is not a change", async () => {
  await using files = await watched((folder) => writeFileSync(join(folder, "a"), "1"), "a");
  writeFileSync(join(files.folder, "a"), "1");
  writeFileSync(join(files.folder, "b"), "another file");
  writeFileSync(join(files.folder, "a"), "2");
  await files.saw("2");
  assert.deepEqual(files.seen, ["1", "2"]);
});
