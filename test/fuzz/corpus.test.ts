/** Cases that once found something, and the first of every fuzzer; `make fuzz` goes on from there. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { DEFECTS } from "./defects/defects.ts";
import { hunt, type Fuzzer } from "./fuzzer.ts";
import { FUZZERS, type KeptCase } from "./fuzzers.ts";

const FIRST_CASES = 200;
/** Where a case is a talk with a real server. */
const FIRST_REAL_CASES = 10;
const SEED = 20_261_126;

function fuzzerOf(name: string): Fuzzer<unknown> {
  const fuzzer = FUZZERS.find((each) => each.name === name);
  assert.ok(fuzzer, `no fuzzer is called ${name}`);
  return fuzzer;
}

function kept(pattern: string): (KeptCase & { readonly file: string })[] {
  const folder = new URL(".", import.meta.url);
  return globSync(pattern, { cwd: folder }).map((file) => ({
    ...(JSON.parse(readFileSync(new URL(file, folder), "utf8")) as KeptCase),
    file,
  }));
}

describe("what was found once is not there any more", () => {
  for (const each of kept("corpus/*.json"))
    test(each.file, { skip: fuzzerOf(each.fuzzer).skip?.() ?? false }, async () => {
      await using player = await fuzzerOf(each.fuzzer).open();
      assert.equal(await player.play(each.case), undefined);
    });
});

describe("a planted defect shows, and nothing does without it", () => {
  const cases = kept("defects/cases/*.json");
  for (const { name, by } of DEFECTS)
    test(name, { skip: fuzzerOf(by).skip?.() ?? false }, async () => {
      const known = cases.find(({ defect }) => defect === name);
      assert.ok(known, `no case is kept for it: KEEP_CASES=… node tools/fuzz/run.ts --only defects`);
      await using planted = await fuzzerOf(by).open(name);
      assert.notEqual(await planted.play(known.case), undefined);
      await using sound = await fuzzerOf(by).open();
      assert.equal(await sound.play(known.case), undefined);
    });
});

for (const fuzzer of FUZZERS)
  test(`the first cases of ${fuzzer.name}: ${fuzzer.what}`, { skip: fuzzer.skip?.() ?? false }, async () => {
    await using player = await fuzzer.open();
    const executionsMax = fuzzer.skip === undefined ? FIRST_CASES : FIRST_REAL_CASES;
    const { finding } = await hunt(fuzzer, player, { seed: SEED, endMs: Infinity, executionsMax });
    assert.equal(finding, undefined, JSON.stringify(finding));
  });
