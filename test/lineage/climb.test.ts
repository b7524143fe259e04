/** Up from whoever made a pod: what is found, what it is when somebody has ended, and where it stops. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Agent, type Kin, type Maker, agentsAbove, climb, isStill } from "#broker/lineage/lineage.ts";
import type { Ancestor } from "#core/policy/facts.ts";
import { isRefusal } from "#core/values/refusal.ts";

const agent = (name: string): Agent => ({
  serviceAccount: { namespace: "shop", name },
  pod: { namespace: "shop", name: `${name}-1`, uid: `uid-of-${name}` },
});
const by = (name: string): Maker => ({ kind: "agent", agent: agent(name) });
const ADA: Ancestor = { kind: "person", identity: { user: { name: "ada", groups: [] } } };
const ROOT: Maker = { kind: "root", root: ADA };
const above = (...names: readonly string[]): readonly Ancestor[] =>
  names.map((name) => ({ kind: "agent", identity: agent(name) }));

/** By the names of pods' accounts; who is not in it has ended. */
function kin(
  makers: Readonly<Record<string, Maker>>,
  records: Readonly<Record<string, readonly Ancestor[]>> = {},
): Kin {
  return {
    makerOf: async ({ serviceAccount: { name } }) => makers[name],
    onRecord: async ({ serviceAccount: { name } }) => records[name],
  };
}

async function climbed(first: Maker, of: Kin, generationsMax?: number) {
  const lineage = await climb(first, of, generationsMax);
  assert.ok(!isRefusal(lineage), JSON.stringify(lineage));
  return { ...lineage, isAdoptable: false };
}

describe("the lineage of a pod", () => {
  test("goes up to the root, nearest first", async () => {
    assert.deepEqual((await climbed(ROOT, kin({}))).ancestors, [ADA]);
    const { ancestors, ended } = await climbed(by("c"), kin({ c: by("b"), b: by("a"), a: ROOT }));
    assert.deepEqual([ancestors, ended], [[...above("c", "b", "a"), ADA], undefined]);
    assert.deepEqual(
      agentsAbove(ancestors).map(({ name }) => name),
      ["c-1", "b-1", "a-1"],
    );
  });

  test("breaks off at an agent that has ended, and goes on by what is on record of it", async () => {
    const unrecorded = await climbed(by("c"), kin({ c: by("b") }));
    assert.deepEqual([unrecorded.ancestors, unrecorded.ended], [above("c", "b"), agent("b").pod]);
    const recorded = await climbed(by("c"), kin({ c: by("b") }, { b: [...above("a"), ADA] }));
    assert.deepEqual([recorded.ancestors, recorded.ended], [[...above("c", "b", "a"), ADA], agent("b").pod]);
  });

  test("is none where somebody's maker cannot be told, and the words say whose", async () => {
    const unknown: Maker = { kind: "unknown", why: "nobody has claimed it" };
    for (const [first, whose] of [
      [unknown, /who launched this pod: nobody has claimed it/],
      [by("b"), /who launched pod b-1 above it: nobody has claimed it/],
    ] as const) {
      const lineage = await climb(first, kin({ b: unknown }));
      assert.ok(isRefusal(lineage));
      assert.equal(lineage.code, "LINEAGE_UNKNOWN");
      assert.match(lineage.publicText, whose);
    }
  });

  test("has a depth, and a circle ends at it", async () => {
    const deep = { c: by("b"), b: by("a"), a: ROOT };
    assert.equal((await climbed(by("c"), kin(deep), 3)).ancestors.length, 4);
    for (const refused of [await climb(by("c"), kin(deep), 2), await climb(by("a"), kin({ a: by("a") }))]) {
      assert.ok(isRefusal(refused));
      assert.equal(refused.code, "LINEAGE_LIMIT");
    }
  });
});

describe("a lineage is still the one before", () => {
  const before = [...above("c", "b", "a"), ADA];
  const now = (ancestors: readonly Ancestor[], ended?: string) => ({
    ancestors,
    ended: ended === undefined ? undefined : agent(ended).pod,
    isAdoptable: false,
  });
  test("when it is the same to the root, and not when anybody in it is another", () => {
    assert.equal(isStill(before, now(before)), true);
    const others = [
      [],
      [ADA],
      above("c", "b", "a"),
      [...above("c", "a"), ADA],
      [...above("c", "b", "x"), ADA],
      [...above("x", "c", "b", "a"), ADA],
    ];
    for (const other of others) assert.equal(isStill(before, now(other)), false, JSON.stringify(other));
    const bob: Ancestor = { kind: "person", identity: { user: { name: "bob", groups: [] } } };
    assert.equal(isStill(before, now([...above("c", "b", "a"), bob])), false);
  });
  test("as far as it goes, when it has broken off", () => {
    assert.equal(isStill(before, now(above("c", "b"), "b")), true);
    assert.equal(isStill(before, now(above("c"), "c")), true);
    assert.equal(isStill(before, now(above("x", "b"), "b")), false);
    assert.equal(isStill(before, now(above("x"), "x")), false);
    assert.equal(isStill([ADA], now(above("c"), "c")), false);
  });
});
