/** Texts are for whoever has the keys: what a lost, rotated or open key means for them, and never for the rest. */
import assert from "node:assert/strict";
import { chmod, readFile, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { textDigest } from "#core/audit/digest.ts";
import type { SealedEvent } from "#core/port/port.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import { rotateKey } from "#broker/trail/rotate.ts";
import { openTexts } from "#broker/trail/texts.ts";
import { verifyTrail } from "#broker/trail/verify.ts";
import { temporaryFolder } from "#test/port/carriers.ts";
import { Chain, closing, never, opening, request, trailOn } from "./support.ts";

const CANARY = "select 'canary-4711'";
type OpenTrail = Awaited<ReturnType<typeof trailOn>>;

/** A request with its text, as a data plane that has the session's key seals it. */
async function asked(trail: OpenTrail, chain: Chain, number: number, text: string): Promise<SealedEvent> {
  const keys = await trail.openSession(chain.session, never);
  assert.ok(!isRefusal(keys));
  const bytes = Buffer.from(text);
  const digest = { textDigest: textDigest(keys.digestKey, bytes), textBytes: bytes.length };
  return chain.seal(request(number, digest), bytes);
}

async function writeSession(trail: OpenTrail, text = CANARY, end = true): Promise<Chain> {
  const chain = new Chain();
  const events = [chain.seal(opening), await asked(trail, chain, 0, text)];
  await trail.append(end ? [...events, chain.seal(closing)] : events, never);
  return chain;
}

async function verified(root: string) {
  const directory = join(root, "trail");
  const texts = await openTexts(realDisk, join(directory, "session-keys"), join(root, "keys"));
  const { findings, texts: counts } = await verifyTrail({ disk: realDisk, directory, texts });
  return { findings, ...counts };
}

test("no file holds a text, a key is readable by its user only, and the keys open the text", async () => {
  await using folder = await temporaryFolder();
  {
    await using trail = await trailOn(realDisk, folder.path);
    await writeSession(trail);
  }
  for (const file of await readdir(folder.path, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    assert.equal((await readFile(join(file.parentPath, file.name))).includes("canary"), false, file.name);
  }
  const [kek = ""] = await readdir(join(folder.path, "keys"));
  assert.equal((await stat(join(folder.path, "keys", kek))).mode & 0o777, 0o600);
  assert.equal((await stat(join(folder.path, "keys"))).mode & 0o077, 0);
  assert.deepEqual(await verified(folder.path), { findings: [], opened: 1, closed: 0 });
});

test("a session's keys are the same when asked for again, also by the next broker", async () => {
  await using folder = await temporaryFolder();
  const { session } = new Chain();
  const asked: unknown[] = [];
  for (let start = 0; start < 3; start++) {
    await using trail = await trailOn(realDisk, folder.path);
    const answers = await Promise.all([trail.openSession(session, never), trail.openSession(session, never)]);
    asked.push(...answers);
  }
  for (const keys of asked) assert.deepEqual(keys, asked[0]);
});

test("a rotation wraps what there is anew, the texts of both sides open, and the old key is gone after the next", async () => {
  await using folder = await temporaryFolder();
  const options = {
    disk: realDisk,
    directory: join(folder.path, "trail", "session-keys"),
    keysDirectory: join(folder.path, "keys"),
  };
  await using trail = await trailOn(realDisk, folder.path);
  const going = await writeSession(trail, CANARY, false);
  assert.deepEqual(await rotateKey(options), { added: 2, filesRewritten: 0, keysRemoved: [], keysKept: [1] });
  await writeSession(trail);
  assert.deepEqual(await rotateKey(options), {
    added: 3,
    filesRewritten: 1,
    keysRemoved: [1],
    keysKept: [2],
  });
  await writeSession(trail);
  await trail.append([await asked(trail, going, 1, "later"), going.seal(closing)], never);
  assert.deepEqual((await readdir(options.keysDirectory)).sort(), ["000002.kek", "000003.kek"]);
  const { findings, opened, closed } = await verified(folder.path);
  assert.deepEqual({ findings, opened, closed }, { findings: [], opened: 4, closed: 0 });
});

test("a lost key loses the texts and nothing else; the broker goes on with another and says so", async () => {
  await using folder = await temporaryFolder();
  const going = await (async () => {
    await using trail = await trailOn(realDisk, folder.path);
    return await writeSession(trail, CANARY, false);
  })();
  await rm(join(folder.path, "keys"), { recursive: true });
  await using trail = await trailOn(realDisk, folder.path);
  assert.deepEqual(trail.notes, ["trail.keys-lost"]);
  await trail.append([await asked(trail, going, 1, "x".repeat(25)), going.seal(closing)], never);
  assert.deepEqual(await verified(folder.path), { findings: [], opened: 1, closed: 1 });
});

test("keys that others can read, and a trail that they can write, are not used; their twins are", async () => {
  await using folder = await temporaryFolder();
  {
    await using trail = await trailOn(realDisk, folder.path);
    await writeSession(trail);
  }
  const kek = join(folder.path, "keys", "000001.kek");
  await chmod(kek, 0o640);
  await assert.rejects(trailOn(realDisk, folder.path), /open to others/);
  await chmod(kek, 0o600);
  await chmod(join(folder.path, "keys"), 0o750);
  await assert.rejects(trailOn(realDisk, folder.path), /open to others/);
  await chmod(join(folder.path, "keys"), 0o700);
  await chmod(join(folder.path, "trail"), 0o770);
  await assert.rejects(trailOn(realDisk, folder.path), /written by others/);
  await chmod(join(folder.path, "trail"), 0o750);
  await using trail = await trailOn(realDisk, folder.path);
  assert.equal(trail.health.state, "ready");
});

test("a trail is held by one broker; another one may have it when that is gone", async () => {
  await using folder = await temporaryFolder();
  let first: OpenTrail;
  {
    await using held = await trailOn(realDisk, folder.path);
    await assert.rejects(trailOn(realDisk, folder.path), /another process/);
    first = held;
  }
  const refused = await first.append([new Chain().seal(opening)], never);
  assert.ok(isRefusal(refused), "one that was closed takes nothing more");
  await using trail = await trailOn(realDisk, folder.path);
  assert.equal(trail.health.state, "ready");
});
