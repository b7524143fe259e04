import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cstring, int32, message } from "#core/wire/postgres/fields.ts";
import {
  BACKEND_FRAMES,
  FrameScanner,
  FRONTEND_FRAMES,
  type FrameTable,
} from "#core/wire/postgres/frames.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

interface Seen {
  readonly type: string;
  readonly bytes: string;
}

/** Everything the scanner yields, with the pieces of a frame put together again. */
function scan(
  chunks: readonly Buffer[],
  table: FrameTable = BACKEND_FRAMES,
): { seen: Seen[]; fault: string } {
  const scanner = new FrameScanner(table);
  const seen: Seen[] = [];
  let open: Buffer[] = [];
  for (const chunk of chunks) {
    scanner.push(chunk);
    for (let step = scanner.next(); step !== "more"; step = scanner.next()) {
      if (step === "broken") return { seen, fault: scanner.fault };
      open.push(Buffer.from(scanner.bytes.subarray(scanner.start, scanner.end)));
      if (step === "head" || (step === "piece" && scanner.missing > 0)) continue;
      seen.push({ type: String.fromCharCode(scanner.type), bytes: Buffer.concat(open).toString("hex") });
      open = [];
    }
  }
  return { seen, fault: scanner.fault };
}

const EXCHANGE = [
  message("S", cstring("server_version"), cstring("18.4")),
  message("Z", Buffer.from("I")),
  message("T", Buffer.from([0, 0])),
  message("D", Buffer.from([0, 1]), int32(5), Buffer.from("hello")),
  message("D", Buffer.from([0, 0])),
  message("C", cstring("SELECT 2")),
  message("Z", Buffer.from("T")),
];

test("frames come out the same wherever the stream is cut", () => {
  const all = Buffer.concat(EXCHANGE);
  const expected = EXCHANGE.map((frame) => ({
    type: String.fromCharCode(frame[0] ?? 0),
    bytes: frame.toString("hex"),
  }));
  for (let first = 0; first <= all.length; first += 1)
    for (let second = first; second <= all.length; second += 1)
      assert.deepEqual(
        scan([all.subarray(0, first), all.subarray(first, second), all.subarray(second)]),
        { seen: expected, fault: "" },
        `cut at ${first} and ${second}`,
      );
  assert.deepEqual(scan([...all].map((byte) => Buffer.of(byte))).seen, expected);
});

test("any frames in any pieces are yielded in order and complete", () => {
  const frame = fc
    .tuple(fc.constantFrom("D", "d", "T", "E", "A"), fc.uint8Array({ maxLength: 300 }))
    .map(([type, body]) => message(type, body));
  const cuts = fc.array(fc.nat(2000), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), cuts, (frames, at) => {
      const all = Buffer.concat(frames);
      const bounds = [0, ...at.map((cut) => Math.min(cut, all.length)).sort((a, b) => a - b), all.length];
      const chunks = bounds.slice(1).map((end, index) => all.subarray(bounds[index], end));
      const { seen } = scan(chunks);
      assert.equal(seen.map((one) => one.bytes).join(""), all.toString("hex"));
      assert.equal(seen.length, frames.length);
    }),
    { numRuns: fuzzRuns(300), ...fuzzSeed() },
  );
});

for (const [what, bytes] of Object.entries({
  "a negative length": Buffer.from([0x44, 0xff, 0xff, 0xff, 0xff]),
  "a length that does not count itself": Buffer.from([0x44, 0, 0, 0, 3]),
  "a length beyond what PostgreSQL allocates": Buffer.from([0x44, 0x7f, 0xff, 0xff, 0xff]),
  "an error of a gigabyte": Buffer.from([0x45, 0x3f, 0, 0, 0]),
  "a ReadyForQuery with room for more": Buffer.from([0x5a, 0, 0, 0, 9]),
  "an unknown type": Buffer.from([0x01, 0, 0, 0, 4]),
}))
  test(`${what} breaks the stream and nothing is yielded after it`, () => {
    const good = message("Z", Buffer.from("I"));
    const { seen, fault } = scan([Buffer.concat([good, bytes, good])]);
    assert.equal(seen.length, 1);
    assert.notEqual(fault, "");
  });

test("a client's frames have a table of their own", () => {
  assert.equal(scan([message("Q", cstring("select 1"))], FRONTEND_FRAMES).seen.length, 1);
  assert.match(
    scan([message("Z", Buffer.from("I"))], FRONTEND_FRAMES).fault,
    /impossible|no message|allowed/,
  );
  assert.match(scan([Buffer.from([0x51, 0x10, 0, 0, 0])], FRONTEND_FRAMES).fault, /16777216 are allowed/);
});

test("a chunk is not copied for the sake of the frame that it completes", () => {
  const scanner = new FrameScanner(BACKEND_FRAMES);
  const frame = message("C", cstring("SELECT 1"));
  const frames = Array.from({ length: 100 }, () => frame);
  // With memory of its own, so that it can be told whose bytes they are.
  const chunk = Buffer.from(new Uint8Array(Buffer.concat([frame.subarray(3), ...frames])).buffer);
  scanner.push(frame.subarray(0, 3));
  assert.equal(scanner.next(), "more");
  scanner.push(chunk);
  let seen = 0;
  for (let step = scanner.next(); step !== "more"; step = scanner.next()) {
    assert.equal(step, "frame");
    assert.equal(scanner.bytes.buffer === chunk.buffer, seen > 0);
    seen += 1;
  }
  assert.equal(seen, 101);
});

test("a frame of 300 MB is never held", () => {
  const scanner = new FrameScanner(BACKEND_FRAMES);
  const header = Buffer.concat([Buffer.from("D"), int32(300_000_004)]);
  const chunk = Buffer.alloc(64 * 1024);
  let heldMax = 0;
  let yielded = 0;
  scanner.push(header);
  for (let left = 300_000_000; ; left -= chunk.length) {
    for (let step = scanner.next(); step !== "more"; step = scanner.next())
      yielded += scanner.end - scanner.start;
    heldMax = Math.max(heldMax, scanner.heldBytes);
    if (left <= 0) break;
    scanner.push(chunk.subarray(0, Math.min(left, chunk.length)));
  }
  assert.equal(yielded, 300_000_005);
  assert.equal(heldMax, 0);
});
