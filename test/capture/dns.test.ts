/** Questions to name servers: what is refused, what is left unanswered, and that nothing sent in brings it down. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { refuseQuestion } from "#core/wire/dns/refuse.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

const WHY = "BROKER_UNAVAILABLE: no broker";

/** A question as resolvers write it: `flags`, one name, type A, and the record of EDNS where it is asked for. */
function question(name: string, { flags = 0x0100, edns = false } = {}): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xbeef, 0);
  head.writeUInt16BE(flags, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(Number(edns), 10);
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  const asked = Buffer.concat([...labels, Buffer.from([0, 0, 1, 0, 1])]);
  return Buffer.concat([head, asked, ...(edns ? [Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0])] : [])]);
}

const codeOf = (answer: Buffer | undefined): number => (answer?.readUInt16BE(2) ?? -1) & 0x800f;

test("a question is refused, with its own words and number", () => {
  const asked = question("db.shop.svc");
  const answer = refuseQuestion(asked, WHY);
  assert.equal(codeOf(answer), 0x8005);
  assert.equal(answer?.readUInt16BE(0), 0xbeef);
  assert.deepEqual(answer?.subarray(12), asked.subarray(12));
  assert.equal((answer?.readUInt16BE(2) ?? 0) & 0x0100, 0x0100);
});

test("who understands extended errors is told why, and nobody else", () => {
  assert.ok(
    refuseQuestion(question("db.test", { edns: true }), WHY)
      ?.toString("latin1")
      .endsWith(WHY),
  );
  assert.ok(!refuseQuestion(question("db.test"), WHY)?.includes(WHY));
});

test("answers are not answered, or two servers could talk for ever", () => {
  const answer = refuseQuestion(question("db.test"), WHY) ?? Buffer.alloc(0);
  assert.equal(refuseQuestion(answer, WHY), undefined);
  assert.equal(refuseQuestion(Buffer.alloc(11), WHY), undefined);
});

test("other operations and questions that cannot be read have their own codes", () => {
  assert.equal(codeOf(refuseQuestion(question("db.test", { flags: 0x2800 }), WHY)), 0x8004);
  const asked = question("db.test");
  assert.equal(codeOf(refuseQuestion(asked.subarray(0, -1), WHY)), 0x8001);
  const pointing = Buffer.concat([asked.subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]);
  assert.equal(codeOf(refuseQuestion(pointing, WHY)), 0x8001);
  const two = Buffer.from(asked);
  two.writeUInt16BE(2, 4);
  assert.equal(codeOf(refuseQuestion(two, WHY)), 0x8001);
  const long = Array.from({ length: 5 }, () => "a".repeat(63)).join(".");
  assert.equal(codeOf(refuseQuestion(question(long), WHY)), 0x8001);
});

test("whatever comes, the answer is small and is an answer", () => {
  const cut = fc
    .tuple(fc.nat(60), fc.boolean())
    .map(([length, edns]) => question("db.test", { edns }).subarray(0, length));
  fc.assert(
    fc.property(
      fc.oneof(cut, fc.uint8Array({ maxLength: 600 })),
      fc.uint8Array({ maxLength: 40 }),
      (start, rest) => {
        const bytes = Buffer.concat([start, rest]);
        const answer = refuseQuestion(bytes, WHY);
        if (answer === undefined) return;
        assert.ok(answer.length <= Math.max(12, bytes.length) + 17 + WHY.length);
        assert.equal(answer.readUInt16BE(2) & 0x8000, 0x8000);
        assert.equal(refuseQuestion(answer, WHY), undefined);
      },
    ),
    { numRuns: fuzzRuns(2_000), ...fuzzSeed() },
  );
});
