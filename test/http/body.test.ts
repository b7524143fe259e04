/** Bodies: their ends are found wherever they are cut, and what is no body is told before a byte of its fault is passed on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type BodyReader, openBody } from "#core/wire/http/body.ts";
import { CHUNKS_END, chunkOf } from "#core/wire/http/write.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { SMUGGLED_CHUNKS } from "./smuggling.ts";

const RUNS = { numRuns: fuzzRuns(500), ...fuzzSeed() };

interface Fed {
  readonly usedBytes: number;
  readonly contentBytes: number;
  readonly body: BodyReader;
}

function feed(body: BodyReader, bytes: Buffer, cuts: readonly number[]): Fed {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  let usedBytes = 0;
  let contentBytes = 0;
  for (const [at, from] of places.entries()) {
    const step = body.read(bytes.subarray(from, places[at + 1] ?? bytes.length));
    usedBytes += step.usedBytes;
    contentBytes += step.contentBytes;
    if (body.isDone || body.fault !== undefined) break;
  }
  return { usedBytes, contentBytes, body };
}

const contents = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 });
const cuts = fc.array(fc.nat(), { maxLength: 8 });
const behind = fc.uint8Array({ maxLength: 20 });

test("chunks: the end is where it is, and content is told from framing", () => {
  fc.assert(
    fc.property(contents, cuts, behind, (chunks, places, next) => {
      const whole = Buffer.concat([...chunks.map((chunk) => chunkOf(Buffer.from(chunk))), CHUNKS_END]);
      const fed = feed(openBody({ kind: "chunked" }), Buffer.concat([whole, next]), places);
      assert.equal(fed.body.isDone, true);
      assert.equal(fed.usedBytes, whole.length);
      assert.equal(
        fed.contentBytes,
        chunks.reduce((sum, { length }) => sum + length, 0),
      );
      assert.equal(fed.body.lastContentByte, chunks.at(-1)?.at(-1));
    }),
    RUNS,
  );
});

test("a length: no byte more, no byte less", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), cuts, behind, (content, places, next) => {
      const fed = feed(
        openBody({ kind: "length", bytes: content.length }),
        Buffer.concat([content, next]),
        places,
      );
      assert.deepEqual([fed.body.isDone, fed.usedBytes], [true, content.length]);
      const short = openBody({ kind: "length", bytes: content.length + 1 });
      short.read(content);
      assert.deepEqual([short.isDone, short.end()], [false, false]);
    }),
    RUNS,
  );
});

test("one that ends with its connection ends by nothing else", () => {
  const body = openBody({ kind: "untilClose" });
  assert.deepEqual(body.read(Buffer.from("abc")), { usedBytes: 3, contentBytes: 3 });
  assert.equal(body.isDone, false);
  assert.equal(body.end(), true);
  assert.equal(openBody({ kind: "none" }).isDone, true);
});

for (const [what, text] of Object.entries(SMUGGLED_CHUNKS))
  test(`refused: ${what}`, () => {
    const bytes = Buffer.from(text, "latin1");
    const whole = openBody({ kind: "chunked" });
    whole.read(bytes);
    assert.notEqual(whole.fault, undefined);
    assert.equal(whole.isDone, false);
    assert.deepEqual(openBody({ kind: "chunked" }).read(bytes).usedBytes, 0, "a byte of it was passed on");
    const cut = openBody({ kind: "chunked" });
    for (const byte of bytes) if (cut.fault === undefined) cut.read(Buffer.from([byte]));
    assert.equal(cut.fault, whole.fault);
  });

test("between two chunks something of our own could stand, and nowhere else", () => {
  const body = openBody({ kind: "chunked" });
  assert.equal(body.isBetweenChunks, true);
  const bytes = Buffer.from("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  const free = [...bytes].map((byte) => {
    body.read(Buffer.from([byte]));
    return body.isBetweenChunks;
  });
  assert.deepEqual(
    free.flatMap((isFree, at) => (isFree ? [at] : [])),
    [7, 14],
  );
});
