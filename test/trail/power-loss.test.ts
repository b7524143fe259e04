/**
 * The promise, against a disk that forgets: whatever was acknowledged is there after any number of power losses, crashes,
 * failed syncs and full disks, each survivor's hash holds, and every session's record is contiguous.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { EventBody } from "#core/audit/event.ts";
import type { SealedEvent, SessionId } from "#core/port/port.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { readTrail } from "#broker/trail/read.ts";
import { openTexts } from "#broker/trail/texts.ts";
import type { Trail } from "#broker/trail/trail.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { PowerDisk, coded } from "./power-disk.ts";
import { Chain, closing, never, opening, request, trailOn } from "./support.ts";

const ROOT = "/state";
const TRAIL = `${ROOT}/trail`;
const SESSION_KEYS = `${TRAIL}/session-keys`;
const KEYS = `${ROOT}/keys`;

type Step =
  | { readonly do: "append"; readonly session: number; readonly count: number; readonly text: boolean }
  | { readonly do: "burst"; readonly sessions: readonly number[] }
  | { readonly do: "close"; readonly session: number }
  | { readonly do: "crash" }
  | { readonly do: "powerLoss"; readonly seed: number }
  | {
      readonly do: "fault";
      readonly operation: "write" | "sync" | "create" | "syncDirectory";
      readonly after: number;
    };

const session = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      session,
      count: fc.integer({ min: 1, max: 4 }),
      text: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("burst" as const),
      sessions: fc.array(session, { minLength: 2, maxLength: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close" as const), session }) },
  { weight: 2, arbitrary: fc.constant({ do: "crash" as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("powerLoss" as const), seed: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("fault" as const),
      operation: fc.constantFrom("write", "sync", "create", "syncDirectory"),
      after: fc.nat(3),
    }),
  },
);

/** A data plane that sends what is not acknowledged again, and a record of everything that was. */
class World {
  readonly disk = new PowerDisk();
  readonly chains = new Map<number, Chain>();
  readonly unacknowledged = new Map<SessionId, SealedEvent[]>();
  readonly acknowledged: SealedEvent[] = [];
  trail: (Trail & { readonly notes: string[] }) | undefined;

  chain(number: number): Chain {
    const chain = this.chains.get(number) ?? new Chain();
    this.chains.set(number, chain);
    return chain;
  }

  seal(chain: Chain, text: boolean, body: EventBody = chain.seq === 0 ? opening : request(chain.seq)): void {
    const event = chain.seal(body, text ? Buffer.from(`select ${chain.seq}`) : undefined);
    this.unacknowledged.set(chain.session, [...(this.unacknowledged.get(chain.session) ?? []), event]);
  }

  async send(chain: Chain): Promise<void> {
    const trail = await this.#running();
    const batch = this.unacknowledged.get(chain.session) ?? [];
    const answer = await trail?.append(batch, never);
    if (answer === undefined || isRefusal(answer)) return;
    for (const entry of answer) {
      assert.ok(!("refusal" in entry), "no story was told twice, so no session may be broken off");
      this.acknowledged.push(...batch.filter(({ seq }) => seq <= entry.seq));
      this.unacknowledged.set(
        chain.session,
        batch.filter(({ seq }) => seq > entry.seq),
      );
    }
  }

  async #running(): Promise<Trail | undefined> {
    try {
      // Small segments, so that a history has several.
      this.trail ??= await trailOn(this.disk, ROOT, { segmentBytesMax: 4_096 });
      return this.trail;
    } catch (error) {
      assert.equal((error as { code?: string }).code, "EIO", String(error));
      return undefined;
    }
  }

  fault(operation: string, after: number): void {
    let left = after;
    this.disk.faults = {
      before: (current) => {
        if (current !== operation || left-- > 0) return;
        this.disk.faults = {};
        throw coded("EIO");
      },
    };
  }
}

async function live(world: World, next: Step): Promise<void> {
  switch (next.do) {
    case "append": {
      const chain = world.chain(next.session);
      for (let count = 0; count < next.count; count++) world.seal(chain, next.text);
      return world.send(chain);
    }
    case "burst": {
      const chains = [...new Set(next.sessions)].map((number) => world.chain(number));
      for (const chain of chains) world.seal(chain, false);
      await Promise.all(chains.map((chain) => world.send(chain)));
      return;
    }
    case "close": {
      const chain = world.chain(next.session);
      if (chain.seq === 0) world.seal(chain, false);
      world.seal(chain, false, closing);
      world.chains.delete(next.session);
      return world.send(chain);
    }
    case "crash":
      // What runs is abandoned as a killed process leaves it; its pending work is none, because every send was awaited.
      world.trail = undefined;
      return;
    case "powerLoss":
      world.trail = undefined;
      world.disk.losePower(chanceFrom(next.seed));
      return;
    case "fault":
      world.fault(next.operation, next.after);
  }
}

function chanceFrom(seed: number): () => number {
  // mulberry32: the loss must be the same when fast-check shrinks what led to it.
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Stored {
  readonly hashes: ReadonlyMap<string, string>;
  readonly texts: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
}

async function stored(disk: PowerDisk): Promise<Stored> {
  for (const directory of [TRAIL, KEYS, SESSION_KEYS]) await disk.makeDirectory(directory);
  const opener = await openTexts(disk, SESSION_KEYS, KEYS);
  const hashes = new Map<string, string>();
  const texts = new Map<string, string>();
  const problems: string[] = [];
  for await (const entry of readTrail({ disk, directory: TRAIL })) {
    if (entry.kind === "problem" && entry.problem.what !== "torn-tail")
      problems.push(JSON.stringify(entry.problem));
    if (entry.kind !== "leaf" && entry.kind !== "text") continue;
    const key = `${entry.session}/${entry.seq}`;
    if (entry.kind === "text") texts.set(key, opener.open(entry)?.text.toString() ?? "does not open");
    if (entry.kind !== "leaf") continue;
    assert.ok(!hashes.has(key), `${key} is stored twice`);
    hashes.set(key, Buffer.from(entry.hash).toString("hex"));
  }
  return { hashes, texts, problems };
}

test("acknowledged ⊆ survived, and no survivor is corrupt", async (t) => {
  let acknowledged = 0;
  const runs = fuzzRuns(Number(process.env["TRAIL_HISTORIES"] ?? 400));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), fc.nat(), async (steps, seed) => {
      const world = new World();
      for (const next of steps) await live(world, next);
      world.disk.faults = {};
      world.disk.losePower(chanceFrom(seed));
      const { hashes, texts, problems } = await stored(world.disk);
      assert.deepEqual(problems, []);
      for (const { session, seq, hash, payload } of world.acknowledged) {
        assert.equal(hashes.get(`${session}/${seq}`), Buffer.from(hash).toString("hex"), `${seq}`);
        if (payload !== undefined)
          assert.equal(texts.get(`${session}/${seq}`), Buffer.from(payload).toString());
      }
      acknowledged += world.acknowledged.length;
    }),
    { numRuns: runs, ...fuzzSeed() },
  );
  assert.ok(acknowledged > runs, "hardly anything was acknowledged, so hardly anything was tested");
  t.diagnostic(`figure trail.histories=${runs}`);
});
