import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { realDisk } from "#broker/trail/real-disk.ts";
import { Chain, acknowledgedSeq, closing, never, opening, request, trailOn } from "./support.ts";

test("what is appended is acknowledged, again when it is sent again, also after a restart", async () => {
  const directory = await mkdtemp(join(tmpdir(), "sp-trail-"));
  try {
    const chain = new Chain();
    const events = [
      chain.seal(opening),
      chain.seal(request(0), Buffer.from("select 1")),
      chain.seal(request(1)),
    ];
    {
      await using trail = await trailOn(realDisk, directory);
      await trail.openSession(chain.session, never);
      assert.equal(acknowledgedSeq(await trail.append(events, never), chain.session), 2);
      assert.equal(acknowledgedSeq(await trail.append(events, never), chain.session), 2);
    }
    await using trail = await trailOn(realDisk, directory);
    assert.deepEqual(trail.unfinished(), [chain.session]);
    assert.equal(acknowledgedSeq(await trail.append(events, never), chain.session), 2);
    assert.equal(acknowledgedSeq(await trail.append([chain.seal(closing)], never), chain.session), 3);
    assert.deepEqual(trail.unfinished(), []);
    assert.deepEqual(trail.notes, []);
  } finally {
    await rm(directory, { recursive: true });
  }
});
