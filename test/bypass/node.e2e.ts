/** What agents and thieves try on a node, against pods that a kubelet has started and brokers that a release runs. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";
import { NODE_THREATS } from "./node/index.ts";
import { type NodeField, openNodeField } from "./node/support/field.ts";
import { fightOne } from "./support/duel.ts";

describe("on a node", { skip: skipWithoutNodeTier() }, () => {
  let field: NodeField;
  before(async () => {
    field = await openNodeField();
  });
  after(() => field?.[Symbol.asyncDispose]());

  for (const { id, title, duels } of NODE_THREATS)
    describe(`${id}: ${title}`, () => {
      for (const one of duels)
        test(one.name, async () => assert.deepEqual((await fightOne(one, field)).faults, []));
    });
});
