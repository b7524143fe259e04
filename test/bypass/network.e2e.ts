/** Whatever an agent tries against the pod's own capture and gateway works without what stops it, and does not with it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { captureProblem } from "#test/capture/support/network.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { NETWORK_THREATS } from "./network/index.ts";
import { type NetworkField, openNetworkField } from "./network/support/field.ts";
import { fightOne } from "./support/duel.ts";

describe("in a pod's network", { skip: captureProblem() ?? skipWithoutPostgres(18) }, () => {
  let field: NetworkField;
  before(async () => {
    field = await openNetworkField();
  });
  after(() => field?.[Symbol.asyncDispose]());

  for (const { id, title, duels } of NETWORK_THREATS)
    describe(`${id}: ${title}`, () => {
      for (const one of duels)
        test(one.name, async () => assert.deepEqual((await fightOne(one, field)).faults, []));
    });
});
