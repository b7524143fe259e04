/** What goes to a peer is gathered in memory that all sessions share: what one has not taken yet is never written over by another. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Outbox, type OutboxTarget, STAGE_BYTES } from "#sidecar/protocols/postgres/outbox.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

/** Takes what it is given when it is asked to, and not before: until then it holds the very bytes that it was given. */
class Peer implements OutboxTarget {
  writableLength = 0;
  readonly #isPrompt: boolean;
  #given: Uint8Array[] = [];
  #taken: Buffer[] = [];

  constructor(isPrompt: boolean) {
    this.#isPrompt = isPrompt;
  }

  write(bytes: Uint8Array): boolean {
    this.#given.push(bytes);
    this.writableLength += bytes.length;
    if (this.#isPrompt) this.take();
    return true;
  }

  take(): void {
    for (const bytes of this.#given) this.#taken.push(Buffer.from(bytes));
    this.#given = [];
    this.writableLength = 0;
  }

  cork(): void {
    // Nothing is held back here.
  }

  uncork(): void {
    // Nor let go.
  }

  get heard(): string {
    this.take();
    return Buffer.concat(this.#taken).toString("latin1");
  }
}

const PEERS = 3;
const anyStep = fc.record({
  peer: fc.nat(PEERS - 1),
  act: fc.constantFrom("put", "put", "put", "put", "put", "flush", "flush", "take"),
  lengthBytes: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 2_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 30_000 }) },
  ),
});

test("every peer hears what was put for it, in its order, however slow the others are", () => {
  const letter = (at: number): string => String.fromCharCode(97 + (at % 26));
  const property = fc.property(fc.array(anyStep, { maxLength: 120, size: "max" }), (steps) => {
    const peers = Array.from({ length: PEERS }, (_, index) => new Peer(index % 2 === 0));
    const boxes = peers.map((peer) => new Outbox(peer));
    const expected = peers.map(() => "");
    for (const [at, { peer, act, lengthBytes }] of steps.entries()) {
      if (act === "flush") boxes[peer]?.flush();
      else if (act === "take") peers[peer]?.take();
      else {
        const text = letter(at).repeat(lengthBytes);
        expected[peer] += text;
        boxes[peer]?.put(Buffer.from(text));
      }
    }
    for (const box of boxes) box.flush();
    assert.deepEqual(
      peers.map(({ heard }) => heard),
      expected,
    );
  });
  fc.assert(property, { numRuns: fuzzRuns(300), ...fuzzSeed() });
});

test("sessions whose peers take what they get gather in the same memory", () => {
  const seen = new Set<ArrayBufferLike>();
  for (let count = 0; count < 1_000; count += 1) {
    const out = new Outbox(new Peer(true));
    out.put(Buffer.from("a small piece"));
    out.put(Buffer.from("and another"));
    seen.add(out.stage(100).buffer);
    out.staged(out.stagedEnd);
    out.flush();
  }
  assert.equal(seen.size, 1);
});

test("what a slow peer has not taken stays as it is while others go on, and then new memory is used", () => {
  const slow = new Peer(false);
  const first = new Outbox(slow);
  for (const piece of ["s".repeat(500), "s".repeat(500)]) first.put(Buffer.from(piece));
  first.flush();
  for (let sent = 0; sent < 3 * STAGE_BYTES; sent += 1_000) {
    const other = new Outbox(new Peer(sent % 2_000 === 0));
    for (const piece of ["o".repeat(500), "o".repeat(500)]) other.put(Buffer.from(piece));
    other.flush();
  }
  assert.equal(slow.heard, "s".repeat(1_000));
});
