/** Disks that are full, read-only, broken or tampered with, and what the trail says of each. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isRefusal } from "#core/values/refusal.ts";
import { readTrail } from "#broker/trail/read.ts";
import { segmentName } from "#broker/trail/segment.ts";
import { verifyTrail } from "#broker/trail/verify.ts";
import { PowerDisk, coded } from "./power-disk.ts";
import { Chain, acknowledgedSeq, closing, never, opening, request, trailOn } from "./support.ts";

const ROOT = "/state";
const TRAIL = `${ROOT}/trail`;

function failing(disk: PowerDisk, operations: readonly string[], code: string): void {
  disk.faults = {
    before: (operation) => {
      if (operations.includes(operation)) throw coded(code);
    },
  };
}

const KINDS = {
  "a full disk": { operations: ["write", "create"], code: "ENOSPC" },
  "a read-only disk": { operations: ["write", "create", "sync", "syncDirectory"], code: "EROFS" },
  "a disk whose syncs fail": { operations: ["sync"], code: "EIO" },
} as const;

for (const [what, { operations, code }] of Object.entries(KINDS)) {
  test(`${what}: refused while it lasts, told once, and the same events are taken when it is over`, async () => {
    const disk = new PowerDisk();
    const chain = new Chain();
    await using trail = await trailOn(disk, ROOT);
    await trail.append([chain.seal(opening)], never);
    failing(disk, operations, code);
    const event = chain.seal(request(0));
    for (let attempt = 0; attempt < 3; attempt++) {
      const answer = await trail.append([event], never);
      assert.ok(isRefusal(answer) && answer.code === "TRAIL_UNAVAILABLE");
    }
    assert.equal(trail.health.state, "failing");
    assert.deepEqual(trail.notes, ["trail.failing"]);
    disk.faults = {};
    assert.equal(acknowledgedSeq(await trail.append([event], never), chain.session), 1);
    assert.equal(trail.health.state, "ready");
    assert.deepEqual(trail.notes, ["trail.failing", "trail.ready"]);
    const { findings } = await verifyTrail({ disk, directory: TRAIL });
    assert.deepEqual(findings, []);
  });
}

test("a broker that starts on a full disk is there, refuses, and stores once there is room", async () => {
  const disk = new PowerDisk();
  failing(disk, ["write"], "ENOSPC");
  const chain = new Chain();
  await using trail = await trailOn(disk, ROOT);
  assert.equal(trail.health.state, "failing");
  const event = chain.seal(opening);
  assert.ok(isRefusal(await trail.append([event], never)));
  assert.ok(isRefusal(await trail.openSession(chain.session, never)));
  disk.faults = {};
  assert.equal("digestKey" in (await trail.openSession(chain.session, never)), true);
  assert.equal(acknowledgedSeq(await trail.append([event], never), chain.session), 0);
  const kinds: unknown[] = [];
  for await (const entry of readTrail({ disk, directory: TRAIL }))
    if (entry.kind === "leaf") kinds.push(JSON.parse(Buffer.from(entry.leaf).toString()).kind);
  assert.deepEqual(kinds, ["broker.start", "session.open"], "its own start is on record all the same");
});

test("a file whose sync failed is never written to again", async () => {
  const disk = new PowerDisk();
  const chain = new Chain();
  await using trail = await trailOn(disk, ROOT);
  await trail.append([chain.seal(opening)], never);
  const before = disk.files(TRAIL).get(segmentName(1))?.length;
  failing(disk, ["sync"], "EIO");
  const event = chain.seal(request(0));
  await trail.append([event], never);
  disk.faults = {};
  const grown = disk.files(TRAIL).get(segmentName(1))?.length;
  await trail.append([event, chain.seal(request(1))], never);
  assert.ok(
    before !== undefined && grown !== undefined && grown > before,
    "the failed group is in the old file",
  );
  assert.equal(disk.files(TRAIL).get(segmentName(1))?.length, grown);
  assert.ok(disk.files(TRAIL).has(segmentName(2)));
});

describe("a session", () => {
  const flaws = {
    "other-hash": (chain: Chain) => ({
      ...new Chain(chain.session).seal({ ...opening, planVersion: "2" }),
    }),
    "other-previous": (chain: Chain) => ({ ...chain.seal(request(0)), previous: new Uint8Array(32) }),
    "broken-hash": (chain: Chain) => ({ ...chain.seal(request(0)), hash: new Uint8Array(32) }),
    "broken-leaf": (chain: Chain) => chain.seal({ kind: "session.lost", lastSeq: 0 }),
  } as const;
  for (const [how, forge] of Object.entries(flaws)) {
    test(`that tells another story (${how}) is broken off, with the fact on record, and others go on`, async () => {
      const disk = new PowerDisk();
      await using trail = await trailOn(disk, ROOT);
      const [chain, other] = [new Chain(), new Chain()];
      await trail.append([chain.seal(opening), other.seal(opening)], never);
      const answer = await trail.append([forge(chain), other.seal(request(0))], never);
      assert.ok(!isRefusal(answer));
      const mine = answer.find(({ session }) => session === chain.session);
      assert.ok(mine && "refusal" in mine && mine.refusal.code === "TRAIL_BROKEN");
      assert.equal(acknowledgedSeq(answer, other.session), 1);
      assert.deepEqual(trail.notes, ["session.fork"]);
      const events = await eventsOf(disk, chain.session);
      assert.equal(events.at(-1)?.["kind"], "session.fork");
      assert.equal(events.at(-1)?.["how"], how);
      const after = await trail.append([chain.seal(request(1))], never);
      assert.ok(!isRefusal(after) && after.every((entry) => "refusal" in entry), "nothing follows its end");
      const { findings } = await verifyTrail({ disk, directory: TRAIL });
      assert.deepEqual(findings, []);
    });
  }

  test("whose event is missing in between is asked for it, and nothing is broken off", async () => {
    const disk = new PowerDisk();
    await using trail = await trailOn(disk, ROOT);
    const chain = new Chain();
    const events = [chain.seal(opening), chain.seal(request(0)), chain.seal(request(1))];
    assert.equal(acknowledgedSeq(await trail.append(events.slice(2), never), chain.session), -1);
    assert.equal(acknowledgedSeq(await trail.append(events.slice(0, 1), never), chain.session), 0);
    assert.equal(acknowledgedSeq(await trail.append(events.slice(2), never), chain.session), 0);
    assert.equal(acknowledgedSeq(await trail.append(events, never), chain.session), 2);
  });

  test("that is declared lost has its end on record; one that had ended, or never began, does not get another", async () => {
    const disk = new PowerDisk();
    await using trail = await trailOn(disk, ROOT);
    const [gone, ended, unknown] = [new Chain(), new Chain(), new Chain()];
    await trail.append([gone.seal(opening), ended.seal(opening), ended.seal(closing)], never);
    for (const { session } of [gone, ended, unknown])
      assert.equal(await trail.declareLost(session, never), undefined);
    assert.deepEqual((await eventsOf(disk, gone.session)).at(-1), {
      ...(await eventsOf(disk, gone.session)).at(-1),
      kind: "session.lost",
      seq: 1,
      lastSeq: 0,
    });
    assert.equal((await eventsOf(disk, ended.session)).length, 2);
    assert.equal((await eventsOf(disk, unknown.session)).length, 0);
    assert.deepEqual(trail.unfinished(), []);
  });

  test("of a broker that was killed is an open record that the next one can end", async () => {
    const disk = new PowerDisk();
    const chain = new Chain();
    await (await trailOn(disk, ROOT)).append([chain.seal(opening)], never);
    await using next = await trailOn(disk, ROOT);
    assert.equal(next.unfinished().length, 2, "the session, and the killed broker's own");
    assert.ok(next.unfinished().includes(chain.session));
    for (const session of next.unfinished()) await next.declareLost(session, never);
    assert.deepEqual(next.unfinished(), []);
  });
});

describe("a damaged trail", () => {
  async function written(): Promise<{ disk: PowerDisk; chain: Chain; lengthBytes: number }> {
    const disk = new PowerDisk();
    const chain = new Chain();
    const trail = await trailOn(disk, ROOT);
    await trail.append([chain.seal(opening)], never);
    for (let number = 0; number < 5; number++) await trail.append([chain.seal(request(number))], never);
    return { disk, chain, lengthBytes: disk.files(TRAIL).get(segmentName(1))?.length ?? 0 };
  }

  test("is said to be so at start, on record too, and goes on behind the damage", async () => {
    const { disk, chain, lengthBytes } = await written();
    disk.corrupt(`${TRAIL}/${segmentName(1)}`, Math.floor(lengthBytes / 2));
    await using next = await trailOn(disk, ROOT);
    assert.deepEqual(next.notes, ["trail.damaged"]);
    assert.equal(acknowledgedSeq(await next.append([chain.seal(request(5))], never), chain.session), 6);
    const { findings } = await verifyTrail({ disk, directory: TRAIL });
    assert.deepEqual([...new Set(findings.map(({ code }) => code))].sort(), ["corrupt", "sequence"]);
    const own = await eventsOf(disk, undefined, "trail.damaged");
    assert.equal(own[0]?.["what"], "corrupt");
  });

  test("is found by verify wherever one byte of it is changed", async () => {
    const { disk, lengthBytes } = await written();
    // Confirmed by a group behind it; what nobody has confirmed could as well be a torn tail.
    await trailOn(disk, ROOT);
    assert.deepEqual((await verifyTrail({ disk, directory: TRAIL })).findings, []);
    const name = `${TRAIL}/${segmentName(1)}`;
    const { claimed } = await claimOf(disk);
    for (let offset = 0; offset < Math.min(claimed, lengthBytes); offset++) {
      disk.corrupt(name, offset);
      const { findings } = await verifyTrail({ disk, directory: TRAIL });
      assert.notEqual(findings.length, 0, `a changed byte at ${offset} goes unnoticed`);
      disk.corrupt(name, offset);
    }
    assert.deepEqual((await verifyTrail({ disk, directory: TRAIL })).findings, []);
  });

  test("without one of its files, or with one of another trail, is not whole", async () => {
    const { disk } = await written();
    await trailOn(disk, ROOT);
    await trailOn(disk, ROOT);
    await disk.remove(`${TRAIL}/${segmentName(1)}`);
    const missing = await verifyTrail({ disk, directory: TRAIL });
    assert.ok(missing.findings.some(({ code }) => code === "missing"));
  });

  test("that was written anew from the beginning is whole by itself, and not what was noted of it", async () => {
    const { disk } = await written();
    const noted = await verifyTrail({ disk, directory: TRAIL });
    const grown = await trailOn(disk, ROOT);
    await grown.append([new Chain().seal(opening)], never);
    const expect = { leaves: noted.leaves, root: noted.root };
    assert.deepEqual((await verifyTrail({ disk, directory: TRAIL, expect })).findings, []);
    const { disk: forged } = await written();
    const other = await verifyTrail({ disk: forged, directory: TRAIL, expect });
    assert.deepEqual(
      other.findings.map(({ code }) => code),
      ["expectation"],
    );
  });
});

async function eventsOf(
  disk: PowerDisk,
  session: string | undefined,
  kind?: string,
): Promise<Record<string, unknown>[]> {
  const events: Record<string, unknown>[] = [];
  for await (const entry of readTrail({ disk, directory: TRAIL })) {
    if (entry.kind !== "leaf" || (session !== undefined && entry.session !== session)) continue;
    const event = JSON.parse(Buffer.from(entry.leaf).toString()) as Record<string, unknown>;
    if (kind === undefined || event["kind"] === kind) events.push(event);
  }
  return events;
}

/** How much of the first segment the second one vouches for. */
async function claimOf(disk: PowerDisk): Promise<{ claimed: number }> {
  const header = disk.files(TRAIL).get(segmentName(2))?.toString("latin1") ?? "";
  return { claimed: Number(/"previous":\{"bytes":(\d+)/.exec(header)?.[1]) };
}
