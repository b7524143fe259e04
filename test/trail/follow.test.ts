/** Reading on from where one stood comes to the same as reading all at once, over new files, failed syncs and restarts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Position, readTrail } from "#broker/trail/read.ts";
import { PowerDisk, coded } from "./power-disk.ts";
import { Chain, never, opening, request, trailOn } from "./support.ts";

const directory = "/state/trail";

async function read(disk: PowerDisk, from?: Position): Promise<{ seen: string[]; position: Position }> {
  const seen: string[] = [];
  for await (const entry of readTrail({ disk, directory, ...(from === undefined ? {} : { from }) })) {
    if (entry.kind === "leaf") seen.push(`${entry.index} ${entry.session} ${entry.seq}`);
    if (entry.kind === "problem") seen.push(entry.problem.what);
    if (entry.kind === "end") return { seen, position: entry.position };
  }
  throw new Error("a trail has an end");
}

test("a follower sees every event once, in order", async () => {
  const disk = new PowerDisk();
  const chain = new Chain();
  const followed: string[] = [];
  let position: Position | undefined;
  const follow = async (): Promise<void> => {
    const step = await read(disk, position);
    followed.push(...step.seen);
    position = step.position;
  };
  for (let start = 0; start < 3; start++) {
    // Abandoned at the end of each round, as by kill -9.
    const trail = await trailOn(disk, "/state", { segmentBytesMax: 3_000 });
    for (let number = 0; number < 12; number++) {
      const event = chain.seal(chain.seq === 0 ? opening : request(number));
      if (number === 5)
        disk.faults = {
          before: (operation) => {
            if (operation !== "sync") return;
            disk.faults = {};
            throw coded("EIO");
          },
        };
      for (let answered = false; !answered; ) answered = Array.isArray(await trail.append([event], never));
      await follow();
    }
  }
  const whole = await read(disk);
  // What was written and not acknowledged may have been seen in the file that failed, and again where it was stored.
  assert.deepEqual([...new Set(followed)], whole.seen);
  assert.equal(whole.seen.length, 3 + 36, "three starts and every event");
});
