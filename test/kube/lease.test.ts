import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { manualClock } from "./support/manual-clock.ts";
import { LeaseServer, ModelCandidate, type Trouble } from "./support/model-lease.ts";

const NAMES = ["one", "two", "three"];
/** What one that was lost without a word costs: until it has expired, and somebody has looked. */
const TAKEOVER_MS = 15_000 + 2 * 2_400 + 2_000;

interface World {
  readonly server: LeaseServer;
  readonly clock: ReturnType<typeof manualClock>;
  readonly candidates: readonly ModelCandidate[];
  readonly stop: AbortController;
  readonly violations: readonly string[];
}

function begin(wallOffsetsMs: readonly number[]): World {
  const clock = manualClock();
  const server = new LeaseServer();
  const stop = new AbortController();
  const candidates: ModelCandidate[] = [];
  const violations: string[] = [];
  // Not thrown: an election survives what its leader throws.
  const leading = (leader: ModelCandidate): void => {
    for (const other of candidates) {
      if (other === leader) continue;
      if (other.election.isHeld())
        violations.push(`${leader.name} leads while ${other.name} holds the lease`);
      if (other.mayAct) violations.push(`${leader.name} leads while ${other.name} acts`);
    }
  };
  for (const [index, wallOffsetMs] of wallOffsetsMs.entries())
    candidates.push(
      new ModelCandidate(NAMES[index] ?? "more", { clock, wallOffsetMs, server }, leading, stop.signal),
    );
  return { clock, server, candidates, stop, violations };
}

const holders = ({ candidates }: World): string[] =>
  candidates.flatMap(({ name, election }) => (election.isHeld() ? [name] : []));

test("one leads; when it is cut off it stops within ten seconds, and another leads after fifteen", async () => {
  const world = begin([0, 0]);
  await world.clock.advance(100);
  assert.deepEqual(holders(world), ["one"]);
  const [one] = world.candidates;
  await world.clock.advance(60_000);
  assert.deepEqual(holders(world), ["one"], "it was lost without a reason");
  assert.equal(one?.election.terms, 1);
  one.suffer("cut-off");
  await world.clock.advance(10_000);
  assert.deepEqual(holders(world), []);
  assert.equal(one.term?.signal.aborted, true);
  await world.clock.advance(TAKEOVER_MS - 10_000);
  assert.deepEqual(holders(world), ["two"]);
  one.suffer("none");
  await world.clock.advance(60_000);
  assert.deepEqual(holders(world), ["two"], "it was taken from whoever had it");
  world.stop.abort();
});

test("a renewal that was done but not heard of is no loss", async () => {
  const world = begin([0, 0]);
  await world.clock.advance(100);
  const [one] = world.candidates;
  one?.suffer("unheard");
  await world.clock.advance(5_000);
  one?.suffer("none");
  await world.clock.advance(60_000);
  assert.deepEqual([holders(world), one?.election.terms], [["one"], 1]);
  world.stop.abort();
});

test("an answer that a process reads late, since it stood still, counts from when it was asked for", async () => {
  const world = begin([0, 0]);
  await world.clock.advance(100);
  const [one] = world.candidates;
  one?.suffer("slow");
  await world.clock.advance(3_000);
  // A renewal is under way, and is done while its answer lies unread.
  one?.suffer("frozen");
  await world.clock.advance(30_000);
  assert.deepEqual(holders(world), ["two"]);
  one?.suffer("none");
  await world.clock.advance(1);
  assert.deepEqual(holders(world), ["two"], "the late answer was taken for a fresh one");
  assert.deepEqual(world.violations, []);
  world.stop.abort();
});

test("a lease that somebody takes by hand is lost as soon as that is seen", async () => {
  const world = begin([0]);
  await world.clock.advance(100);
  const lease = world.server.read();
  assert.ok(lease !== undefined);
  world.server.write({ ...lease, spec: { ...lease.spec, holderIdentity: "by hand" } });
  await world.clock.advance(4_100);
  assert.deepEqual(holders(world), []);
  await world.clock.advance(TAKEOVER_MS);
  assert.deepEqual(holders(world), ["one"]);
  world.stop.abort();
});

test("a wall clock that is set forward costs a term, one that is set back costs nothing and gives nothing", async () => {
  const world = begin([0, 0]);
  await world.clock.advance(100);
  const [one] = world.candidates;
  world.clock.setWall(world.clock.wallMs() + 3_600_000);
  assert.equal(one?.election.isHeld(), false, "the machine may have slept for an hour");
  await world.clock.advance(TAKEOVER_MS);
  assert.equal(holders(world).length, 1);
  const [leader] = holders(world);
  world.clock.setWall(0);
  await world.clock.advance(60_000);
  assert.deepEqual(holders(world), [leader]);
  world.stop.abort();
});

test("who is stopped gives the lease back, and the next leads without waiting for its end", async () => {
  const clock = manualClock();
  const server = new LeaseServer();
  const [first, second] = [new AbortController(), new AbortController()];
  const world = { clock, wallOffsetMs: 0, server };
  const one = new ModelCandidate("one", world, () => undefined, first.signal);
  const two = new ModelCandidate("two", world, () => undefined, second.signal);
  await clock.advance(100);
  assert.ok(one.election.isHeld());
  first.abort();
  await one.election.ended;
  assert.equal(server.read()?.spec?.holderIdentity, "");
  await clock.advance(2_500);
  assert.ok(two.election.isHeld());
  assert.equal(server.read()?.spec?.leaseTransitions, 2);
  second.abort();
});

const TROUBLE = fc.record({
  candidate: fc.nat(2),
  trouble: fc.constantFrom<Trouble>("none", "cut-off", "unheard", "slow", "frozen"),
  ms: fc.integer({ min: 100, max: 25_000 }),
});

test("whatever befalls three candidates: never two of them lead, and when it is over one does", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(TROUBLE, { maxLength: 25 }),
      fc.array(fc.integer({ min: -1e9, max: 1e9 }), { minLength: 3, maxLength: 3 }),
      async (troubles, offsets) => {
        const world = begin(offsets);
        for (const { candidate, trouble, ms } of troubles) {
          world.candidates[candidate]?.suffer(trouble);
          await world.clock.advance(ms);
          assert.ok(holders(world).length <= 1, `${holders(world).join(" and ")} hold it`);
        }
        for (const candidate of world.candidates) candidate.suffer("none");
        assert.deepEqual(world.violations, []);
        await world.clock.advance(2 * TAKEOVER_MS);
        assert.deepEqual(world.violations, []);
        assert.equal(holders(world).length, 1);
        assert.equal(world.candidates.filter(({ mayAct }) => mayAct).length, 1);
        world.stop.abort();
        await Promise.all(world.candidates.map(({ election }) => election.ended));
      },
    ),
    { numRuns: fuzzRuns(60), ...fuzzSeed() },
  );
});
