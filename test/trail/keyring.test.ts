/** Wrapping keys are looked at each time and read once: what has become of a key since is seen all the same. */
import assert from "node:assert/strict";
import { chmod, copyFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { KEK_BYTES, type Keyring, directoryKeyring, kekName, readKeyring } from "#broker/trail/keyring.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import { temporaryFolder } from "#test/port/carriers.ts";

interface Watched extends AsyncDisposable {
  readonly folder: string;
  readonly ring: Keyring;
  readonly reads: string[];
}

async function watched(): Promise<Watched> {
  const folder = await temporaryFolder();
  const reads: string[] = [];
  const disk: typeof realDisk = {
    ...realDisk,
    read: (path, offset, lengthBytes) => {
      reads.push(path);
      return realDisk.read(path, offset, lengthBytes);
    },
  };
  const keys = join(folder.path, "keys");
  return {
    folder: keys,
    ring: directoryKeyring(disk, keys),
    reads,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

async function withKey(): Promise<Watched> {
  const it = await watched();
  await it.ring.read();
  await it.ring.add();
  return it;
}

const texts = async (ring: Keyring): Promise<readonly string[]> =>
  (await ring.read()).map(({ key }) => Buffer.from(key).toString("hex"));

test("a key that stays is read once, and is what stands on the disk", async () => {
  await using it = await withKey();
  const first = await texts(it.ring);
  assert.deepEqual(await texts(it.ring), first);
  assert.equal(it.reads.length, 1);
  const onDisk = await readKeyring(realDisk, it.folder);
  assert.deepEqual(
    onDisk.map(({ key }) => Buffer.from(key).toString("hex")),
    first,
  );
});

test("a key that was removed is not there any more, and one that was added is", async () => {
  await using it = await withKey();
  const first = await texts(it.ring);
  const second = await it.ring.add();
  assert.deepEqual(await texts(it.ring), [Buffer.from(second.key).toString("hex"), ...first]);
  await rm(join(it.folder, kekName(1)));
  assert.deepEqual(await texts(it.ring), [Buffer.from(second.key).toString("hex")]);
  await rm(join(it.folder, kekName(2)));
  assert.deepEqual(await texts(it.ring), []);
});

const REPLACED: Readonly<Record<string, (path: string) => Promise<void>>> = {
  "by another file": async (path) => {
    await writeFile(`${path}.other`, Buffer.alloc(KEK_BYTES, 7), { mode: 0o600 });
    await rename(`${path}.other`, path);
  },
  "after it was removed": async (path) => {
    await rm(path);
    await writeFile(path, Buffer.alloc(KEK_BYTES, 7), { mode: 0o600 });
  },
  "in its place, with its time set back": async (path) => {
    await writeFile(path, Buffer.alloc(KEK_BYTES, 7));
    await utimes(path, 1, 1);
  },
};

for (const [how, replace] of Object.entries(REPLACED))
  test(`a key that was replaced ${how} is the new one`, async () => {
    await using it = await withKey();
    await texts(it.ring);
    await replace(join(it.folder, kekName(1)));
    assert.deepEqual(await texts(it.ring), ["07".repeat(KEK_BYTES)]);
  });

test("two keys that change places are not taken for each other", async () => {
  await using it = await withKey();
  await it.ring.add();
  const [second, first] = await texts(it.ring);
  const [one, two, aside] = [kekName(1), kekName(2), "aside"].map((name) => join(it.folder, name));
  assert.ok(one !== undefined && two !== undefined && aside !== undefined);
  await rename(one, aside);
  await rename(two, one);
  await rename(aside, two);
  const numbers = (await it.ring.read()).map(({ number }) => number);
  assert.deepEqual(numbers, [2, 1]);
  assert.deepEqual(await texts(it.ring), [first, second]);
});

test("a key that was opened to others is refused, although it has been read before", async () => {
  await using it = await withKey();
  const path = join(it.folder, kekName(1));
  const first = await texts(it.ring);
  await chmod(path, 0o640);
  await assert.rejects(it.ring.read(), /open to others/);
  await chmod(path, 0o600);
  assert.deepEqual(await texts(it.ring), first);
  await copyFile(path, `${path}.copy`);
  await writeFile(path, Buffer.alloc(KEK_BYTES - 1));
  await assert.rejects(it.ring.read(), /is no key/);
});
