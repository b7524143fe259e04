import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HASH_BYTES } from "#core/audit/chain.ts";
import { Ledger } from "#broker/trail/ledger.ts";
import { RecentHashes } from "#broker/trail/recent-hashes.ts";
import { newSession } from "./support.ts";
import { fuzzRuns, fuzzSeed } from "../support/fuzz.ts";

const hashes = fc.array(fc.uint8Array({ minLength: HASH_BYTES, maxLength: HASH_BYTES }), { maxLength: 80 });

test("the last hashes are those of a plain list, and no others", () => {
  fc.assert(
    fc.property(hashes, fc.integer({ min: 4, max: 40 }), (list, max) => {
      const recent = new RecentHashes(max);
      for (const [last, hash] of list.entries()) {
        recent.push(hash);
        const kept = list.slice(Math.max(0, last + 1 - max), last + 1).toReversed();
        for (let back = -1; back <= max + 1; back += 1) {
          const at = recent.at(back);
          assert.deepEqual(at && Uint8Array.from(at), back < 0 ? undefined : kept[back]);
        }
      }
    }),
    { numRuns: fuzzRuns(60), ...fuzzSeed() },
  );
});

test("it knows nothing before the first one", () => {
  assert.equal(new RecentHashes(8).at(0), undefined);
});

test("a session that has ended is remembered by its last hash alone: a broker remembers thousands of them", () => {
  const ledger = new Ledger();
  const session = newSession();
  const hash = (seq: number): Uint8Array => new Uint8Array(HASH_BYTES).fill(seq);
  const events = 100;
  for (let seq = 0; seq < events; seq += 1) ledger.apply({ session, seq, hash: hash(seq), ends: false });
  for (let seq = 0; seq < events; seq += 1)
    assert.deepEqual(Uint8Array.from(ledger.hash(session, seq) ?? []), hash(seq));
  ledger.apply({ session, seq: events, hash: hash(events), ends: true });
  assert.deepEqual(ledger.state(session), { seq: events, head: hash(events), ended: true });
  assert.deepEqual(Uint8Array.from(ledger.hash(session, events) ?? []), hash(events));
  assert.equal(ledger.hash(session, events - 1), undefined);
});
