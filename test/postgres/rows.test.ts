import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { int16, int32, message } from "#core/wire/postgres/fields.ts";
import { LongRow, memoryBudget } from "#sidecar/protocols/postgres/long-row.ts";
import { Outbox } from "#sidecar/protocols/postgres/outbox.ts";
import { maskRow, type RowMask, rowMask } from "#sidecar/protocols/postgres/rows.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

function outputOf(write: (out: Outbox) => void): Buffer {
  const written: Buffer[] = [];
  const out = new Outbox({
    write: (bytes) => {
      written.push(Buffer.from(bytes));
      return true;
    },
    cork: () => undefined,
    uncork: () => undefined,
    writableLength: 0,
  });
  write(out);
  out.flush();
  return Buffer.concat(written);
}

type Value = Uint8Array | null;
const rowOf = (values: readonly Value[]): Buffer =>
  message(
    "D",
    int16(values.length),
    ...values.flatMap((value) => (value === null ? [int32(-1)] : [int32(value.length), value])),
  );

const anyRow = fc
  .array(
    fc.tuple(
      fc.option(fc.uint8Array({ maxLength: 40 })),
      fc.constantFrom("pass" as const, "redact" as const, "nullify" as const),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((columns) => {
    const mask: RowMask | undefined = rowMask(
      columns.map((_, index) => ({
        name: `c${index}`,
        tableOid: 1,
        attributeNumber: 1,
        typeOid: 25,
        typeModifier: -1,
        format: 0,
      })),
      columns.map(([, action]) => (action === "pass" ? undefined : action)),
    );
    const masked = columns.map(([value, action]): Value => {
      if (value === null || action === "pass") return value;
      return action === "nullify" ? null : Buffer.from("***");
    });
    return { row: rowOf(columns.map(([value]) => value)), mask, expected: rowOf(masked) };
  });

test("any row with any masks is the row with those values replaced", () => {
  fc.assert(
    fc.property(anyRow, ({ row, mask, expected }) => {
      if (mask === undefined) return;
      const padded = Buffer.concat([Buffer.alloc(7), row, Buffer.alloc(3)]);
      assert.deepEqual(
        outputOf((out) => maskRow(padded, 7, 7 + row.length, mask, out)),
        expected,
      );
    }),
    { numRuns: fuzzRuns(500), ...fuzzSeed() },
  );
});

test("the same while it streams, in pieces of any size, and what is held is given back", () => {
  fc.assert(
    fc.property(anyRow, fc.array(fc.nat(300), { maxLength: 6 }), ({ row, mask, expected }, at) => {
      if (mask === undefined) return;
      let held = 0;
      const budget = {
        take: (bytes: number) => ((held += bytes), true),
        give: (bytes: number) => void (held -= bytes),
      };
      const long = new LongRow(row.length, mask, budget);
      const cuts = [0, ...at.map((cut) => Math.min(cut, row.length)).sort((a, b) => a - b), row.length];
      const out = outputOf((box) => {
        for (const [index, end] of cuts.slice(1).entries())
          assert.ok(long.feed(row.subarray(cuts[index], end), box));
      });
      assert.deepEqual(out, expected);
      assert.equal(held, 0);
    }),
    { numRuns: fuzzRuns(500), ...fuzzSeed() },
  );
});

test("a row that must be held beyond its bounds is refused before anything of it is written", () => {
  const mask: RowMask = {
    replacements: [undefined, Buffer.from([0xff, 0xff, 0xff, 0xff])],
    columnCount: 2,
    growthBytesMax: 4,
  };
  const head = Buffer.concat([Buffer.from("D"), int32(1e8), int16(2), int32(9e7)]);
  for (const budget of [memoryBudget(1024), memoryBudget(1e9)]) {
    const row = new LongRow(1e8 + 1, mask, budget);
    const chunk = Buffer.alloc(64 * 1024);
    const out = outputOf((box) => {
      let going = row.feed(head, box);
      for (let count = 0; going && count < 2000; count += 1) going = row.feed(chunk, box);
      assert.equal(going, false);
    });
    assert.equal(out.length, 0);
  }
});
