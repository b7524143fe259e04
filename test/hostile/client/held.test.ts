/**
 * A long row is held until it is known how long it is with its masks. A policy edit that comes meanwhile holds for it: nothing
 * of it has been shown.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { refusal } from "#core/values/refusal.ts";
import type { Slot } from "#sidecar/protocols/postgres/expected.ts";
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

/** `pin` is masked and comes last; the upstream has sent half of the row, and nothing of that was told. */
async function halfOfARow() {
  const analyst = openAnalyst();
  await analyst.analyse("select 1", STOCK);
  const tap = new RecordingTap(true, () => false);
  const all = tap.obligations;
  tap.obligations = { ...all, mask: all.mask.filter(({ column }) => column === "pin") };
  const engine = openEngine(await loadEngine(), {
    tap,
    analyse: (text, context) => analyst.analyse(text, context),
    actions: (found) => found,
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
  engine.fromUpstream(Buffer.concat([description(COLUMNS, false), whole.subarray(0, 200_000)]));
  assert.equal(brief(heard()), "T");
  return {
    engine,
    mask(): void {
      tap.obligations = all;
      engine.changed();
      // As a session does it for whatever runs.
      runningIn(engine).masked = false;
    },
    /** The rest of the row, and the end; what is heard of it. */
    rest(): Message[] {
      engine.fromUpstream(Buffer.concat([whole.subarray(200_000), complete("SELECT 1"), ready("I")]));
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
