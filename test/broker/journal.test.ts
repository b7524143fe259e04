import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Journal, JournalFull, PENDING_MAX, openJournal } from "#broker/leases/journal.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { PowerDisk, coded } from "#test/trail/power-disk.ts";

const DIRECTORY = "/state";
const open = (disk: PowerDisk): Promise<Journal> =>
  openJournal({ directory: DIRECTORY, disk, note: () => undefined });
const entry = (id: string) => ({ id, facts: { connection: "shop/orders", template: "agents" } });
const ids = (journal: Journal) => journal.pending().map(({ id }) => id);

test("what is begun and not ended is found again, in order and with its facts", async () => {
  const disk = new PowerDisk();
  const journal = await open(disk);
  for (const id of ["a", "b", "c"]) await journal.begin(entry(id));
  await journal.end("b");
  await journal.end("never begun");
  const again = await open(disk);
  assert.deepEqual(again.pending(), [entry("a"), entry("c")]);
  await again.end("a");
  assert.deepEqual(ids(await open(disk)), ["c"]);
});

test("a file cut at any byte gives a prefix of what was written, and takes new entries", async () => {
  const whole = new PowerDisk();
  const journal = await open(whole);
  for (const id of ["a", "b", "c"]) await journal.begin(entry(id));
  const bytes = whole.files(DIRECTORY).get("leases.journal");
  assert.ok(bytes && bytes.length > 100);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const disk = new PowerDisk();
    await disk.makeDirectory(DIRECTORY);
    await using file = await disk.create(`${DIRECTORY}/leases.journal`, 0o600);
    await file.write(bytes.subarray(0, cut), 0);
    const found = await open(disk);
    assert.deepEqual(ids(found), ["a", "b", "c"].slice(0, ids(found).length));
    const complete: number = bytes.subarray(0, cut).filter((byte) => byte === 0x0a).length;
    assert.equal(ids(found).length, complete);
    await found.begin(entry("new"));
    assert.equal(ids(await open(disk)).at(-1), "new");
  }
});

test("a damaged line costs itself only, and is told", async () => {
  const disk = new PowerDisk();
  const journal = await open(disk);
  for (const id of ["a", "b", "c"]) await journal.begin(entry(id));
  const bytes = disk.files(DIRECTORY).get("leases.journal") ?? Buffer.alloc(0);
  disk.corrupt(`${DIRECTORY}/leases.journal`, bytes.indexOf('"b"') + 1);
  const told: unknown[] = [];
  const note = (...words: unknown[]) => void told.push(words);
  const found = await openJournal({ directory: DIRECTORY, disk, note });
  assert.deepEqual(ids(found), ["a", "c"]);
  assert.deepEqual(told, [["journal.torn", { lines: 1 }]]);
});

test("the file stays small however many entries come and go, and pending ones are bounded", async () => {
  const disk = new PowerDisk();
  const journal = await open(disk);
  await journal.begin(entry("kept"));
  for (let round = 0; round < 40; round += 1) {
    const batch = Array.from({ length: 100 }, (_, index) => `${round}-${index}`);
    await Promise.all(batch.map((id) => journal.begin(entry(id))));
    await Promise.all(batch.map((id) => journal.end(id)));
  }
  const bytes = disk.files(DIRECTORY).get("leases.journal")?.length ?? 0;
  assert.ok(bytes < 300_000, `${bytes} bytes`);
  assert.deepEqual(ids(await open(disk)), ["kept"]);
  await assert.rejects(journal.begin({ id: "large", facts: { text: "x".repeat(10_000) } }), RangeError);
  const many = Array.from({ length: PENDING_MAX - 1 }, (_, index) => journal.begin(entry(`m${index}`)));
  await Promise.all(many);
  await assert.rejects(journal.begin(entry("one too many")), JournalFull);
  await journal.end("kept");
  await journal.begin(entry("fits again"));
});

type Step =
  | { readonly do: "begin" | "end"; readonly ids: readonly number[] }
  | { readonly do: "crash" }
  | { readonly do: "powerLoss"; readonly seed: number }
  | {
      readonly do: "fault";
      readonly operation: "write" | "sync" | "create" | "syncDirectory";
      readonly after: number;
    };

const some = fc.array(fc.nat(12), { minLength: 1, maxLength: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("begin" as const), ids: some }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("end" as const), ids: some }) },
  { weight: 1, arbitrary: fc.constant({ do: "crash" as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("powerLoss" as const), seed: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("fault" as const),
      operation: fc.constantFrom(
        "write" as const,
        "sync" as const,
        "create" as const,
        "syncDirectory" as const,
      ),
      after: fc.nat(3),
    }),
  },
);

/** What must be there, what must not, and what may be either because nobody was told that it is. */
type Known = Map<string, "begun" | "ended" | "unknown">;

test("whatever the disk does, what was begun is found and what was ended stays ended", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      const disk = new PowerDisk();
      const known: Known = new Map();
      let journal = await open(disk);
      for (const taken of steps) {
        if (taken.do === "fault") armFault(disk, taken.operation, taken.after);
        else if (taken.do === "begin" || taken.do === "end") await write(journal, taken.do, taken.ids, known);
        else {
          disk.faults = {};
          if (taken.do === "powerLoss") disk.losePower(chances(taken.seed));
          journal = await open(disk);
          check(journal, known);
        }
      }
      disk.faults = {};
      disk.losePower(chances(steps.length));
      check(await open(disk), known);
    }),
    { numRuns: fuzzRuns(400), ...fuzzSeed() },
  );
});

async function write(
  journal: Journal,
  what: "begin" | "end",
  numbers: readonly number[],
  known: Known,
): Promise<void> {
  const wanted = [...new Set(numbers.map(String))].filter((id) =>
    what === "begin" ? known.get(id) !== "begun" : known.get(id) === "begun",
  );
  await Promise.all(
    wanted.map(async (id) => {
      try {
        await (what === "begin" ? journal.begin(entry(id)) : journal.end(id));
        known.set(id, what === "begin" ? "begun" : "ended");
      } catch {
        known.set(id, "unknown");
      }
    }),
  );
}

function check(journal: Journal, known: Known): void {
  const found = new Set(ids(journal));
  for (const [id, state] of known) {
    if (state === "begun") assert.ok(found.has(id), `${id} was begun and is lost`);
    if (state === "ended") assert.ok(!found.has(id), `${id} was ended and is back`);
    if (state === "unknown") known.set(id, found.has(id) ? "begun" : "ended");
  }
}

function armFault(disk: PowerDisk, operation: string, after: number): void {
  let left = after;
  disk.faults = {
    before(done) {
      if (done !== operation) return;
      left -= 1;
      if (left < 0) throw coded("EIO");
    },
  };
}

function chances(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}
