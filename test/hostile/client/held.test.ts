/**
 * A long row is held until it is known how long it is with its masks. A policy edit that comes meanwhile holds for it: nothing
 * of it has been shown.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { refusal } from "#core/values/refusal.ts";
import type { Slot } from "#sidecar/protocols/postgres/expected.ts";
import { type MemoryBudget, memoryBudget } from "#sidecar/protocols/postgres/long-row.ts";
import type { ColumnActions } from "#sidecar/protocols/postgres/masking.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { complete, description, frame, ready } from "#test/fuzz/model/answers.ts";
import { type Engine, loadEngine, openEngine } from "#test/fuzz/mirror/engine.ts";
import { STOCK } from "#test/fuzz/mirror/play.ts";
import { RecordingTap } from "#test/fuzz/mirror/tap.ts";
import { Messages } from "#test/fuzz/wire.ts";
import { brief, type Message, Q, valuesOf } from "#test/postgres/support/wire.ts";

const SECRET = "s".repeat(300_000);
const COLUMNS = [
  { name: "n", typeOid: 23, masked: false },
  { name: "secret", typeOid: 25, masked: false },
  { name: "pin", typeOid: 23, masked: false },
] as const;

function row(...values: readonly string[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeInt16BE(values.length);
  const cells = values.map((value) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(value.length);
    return Buffer.concat([length, Buffer.from(value)]);
  });
  return frame("D", Buffer.concat([count, ...cells]));
}

function runningIn({ core }: Engine): Slot {
  const { head } = core.expected;
  assert.ok(head);
  return head;
}

const SENT_BYTES = 200_000;

/** The budget of a process, which tells how much of it is used. */
function counted(bytesMax: number) {
  const budget = memoryBudget(bytesMax);
  const counting = {
    usedBytes: 0,
    take(bytes: number): boolean {
      const isTaken = budget.take(bytes);
      if (isTaken) counting.usedBytes += bytes;
      return isTaken;
    },
    give(bytes: number): void {
      counting.usedBytes -= bytes;
      budget.give(bytes);
    },
  };
  return counting;
}

/** `pin` is masked and comes last; the upstream has sent half of the row, and nothing of that was told. */
async function halfOfARow(budget: MemoryBudget = memoryBudget(1024 * 1024)) {
  const analyst = openAnalyst();
  await analyst.analyse("select 1", STOCK);
  const tap = new RecordingTap(true, () => false);
  const all = tap.obligations;
  tap.obligations = { ...all, mask: all.mask.filter(({ column }) => column === "pin") };
  const lookup = { takesLong: false };
  let answer = (): void => undefined;
  const engine = openEngine(await loadEngine(), {
    tap,
    analyse: (text, context) => analyst.analyse(text, context),
    budget,
    actions: (found) => {
      if (!lookup.takesLong) return found;
      return new Promise<ColumnActions>((resolve) => {
        answer = () => resolve(found);
      });
    },
    onCancel: () => Promise.resolve(),
    isPathReported: true,
  });
  const messages = new Messages();
  const heard = (): Message[] =>
    engine
      .takeForClient()
      .flatMap((bytes) => messages.add(bytes))
      .map((bytes) => ({ type: String.fromCharCode(bytes[0] ?? 0), bytes }));
  const whole = row("1", SECRET, "1111");
  engine.fromClient(Q("select n, secret, pin from people"));
  engine.fromUpstream(Buffer.concat([description(COLUMNS, false), whole.subarray(0, SENT_BYTES)]));
  assert.equal(brief(heard()), "T");
  return {
    engine,
    lookup,
    /** What was looked up is there; what is heard then. */
    async found(): Promise<Message[]> {
      answer();
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(engine.failures, []);
      return heard();
    },
    mask(): void {
      tap.obligations = all;
      engine.changed();
      // As a session does it for whatever runs.
      runningIn(engine).masked = false;
    },
    limit(rows: number): void {
      tap.obligations = { ...tap.obligations, limits: { rows } };
      tap.count = () => (rows < 1 ? refusal("LIMIT_ROWS") : undefined);
      engine.changed();
    },
    /** The rest of the row, and the end; what is heard of it. */
    rest(): Message[] {
      engine.fromUpstream(Buffer.concat([whole.subarray(SENT_BYTES), complete("SELECT 1"), ready("I")]));
      assert.deepEqual(engine.failures, []);
      return heard();
    },
    [Symbol.asyncDispose]: () => analyst[Symbol.asyncDispose](),
  };
}

const shown = (heard: readonly Message[]): (string | null)[][] =>
  heard
    .filter(({ type }) => type === "D")
    .map((each) => valuesOf(each).map((value) => (value === SECRET ? "all of it" : value)));

test("nothing changes: it shows what it showed", async () => {
  await using session = await halfOfARow();
  const heard = session.rest();
  assert.equal(brief(heard), "D C(SELECT 1) Z(I)");
  assert.deepEqual(shown(heard), [["1", "all of it", null]]);
});

test("more of it is masked by now: all of that is", async () => {
  await using session = await halfOfARow();
  session.mask();
  assert.deepEqual(shown(session.rest()), [["1", "***", null]]);
});

test("it is refused by now: nothing of it is shown, and it does not count", async () => {
  await using session = await halfOfARow();
  const slot = runningIn(session.engine);
  session.engine.core.stop(slot, refusal("DENY_RULE", "no longer"), "cancelled");
  assert.equal(slot.rows, 1);
  const heard = session.rest();
  assert.equal(brief(heard), "E(42501) Z(I)");
  assert.equal(slot.rows, 0);
});

test("it is beyond a limit by now: nothing of it is shown, and it does not count", async () => {
  for (const looksUp of [false, true]) {
    await using session = await halfOfARow();
    const slot = runningIn(session.engine);
    if (looksUp) session.mask();
    session.lookup.takesLong = looksUp;
    session.limit(0);
    const heard = [...session.rest(), ...(await session.found())];
    assert.equal(brief(heard), "E(53400) Z(I)");
    assert.equal(slot.rows, 0);
  }
});

test("it is the last that a limit allows by now: it shows what it showed", async () => {
  await using session = await halfOfARow();
  session.limit(1);
  assert.deepEqual(shown(session.rest()), [["1", "all of it", null]]);
});

test("while its masks are looked up anew, what is held of it is taken from what the process has", async () => {
  const budget = counted(1024 * 1024);
  await using session = await halfOfARow(budget);
  assert.ok(budget.usedBytes >= SENT_BYTES - 1_000);
  session.mask();
  session.lookup.takesLong = true;
  assert.equal(brief(session.rest()), "");
  assert.ok(budget.usedBytes >= SENT_BYTES - 1_000, `${budget.usedBytes} bytes are accounted for`);
  assert.deepEqual(shown(await session.found()), [["1", "***", null]]);
  assert.equal(budget.usedBytes, 0);
});

test("so one that is held beside it finds no more than there is left, and all of it afterwards", async () => {
  const budget = counted(350_000);
  await using one = await halfOfARow(budget);
  one.mask();
  one.lookup.takesLong = true;
  one.rest();
  {
    await using other = await halfOfARow(budget);
    assert.equal(brief(other.rest()), "E(53400) Z(I)");
  }
  await one.found();
  await using other = await halfOfARow(budget);
  assert.deepEqual(shown(other.rest()), [["1", "all of it", null]]);
});

test("it is refused while they are looked up: nothing of it is shown or counted, and all is given back", async () => {
  const budget = counted(1024 * 1024);
  await using session = await halfOfARow(budget);
  const slot = runningIn(session.engine);
  session.mask();
  session.lookup.takesLong = true;
  session.rest();
  session.engine.core.stop(slot, refusal("DENY_RULE", "no longer"), "cancelled");
  assert.equal(brief(await session.found()), "E(42501) Z(I)");
  assert.equal(slot.rows, 0);
  assert.equal(budget.usedBytes, 0);
});

test("the session ends while they are looked up: all is given back, and nothing is taken when they are found", async () => {
  const budget = counted(1024 * 1024);
  await using session = await halfOfARow(budget);
  session.mask();
  session.lookup.takesLong = true;
  session.rest();
  session.engine.end();
  assert.equal(budget.usedBytes, 0);
  assert.equal(brief(await session.found()), "");
  assert.equal(budget.usedBytes, 0);
});
