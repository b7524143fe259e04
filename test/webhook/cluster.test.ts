import { after, before, describe } from "node:test";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { podCases } from "./live/pods.ts";
import { type World, ready, startWorld } from "./support/world.ts";

describe("the operator's webhooks on an API server", { skip: skipWithoutApiTier() }, () => {
  let world: World;
  before(async () => {
    world = await startWorld();
    await ready(await world.replica());
  });
  after(() => world[Symbol.asyncDispose]());
  podCases(() => world);
});
