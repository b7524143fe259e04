/** Brokers in processes of their own, against a real API server, that are ended with SIGKILL. */
import { after, before, describe } from "node:test";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { killedCases } from "./live/killed.ts";
import { type World, startWorld } from "./support/world.ts";

describe("the broker in a cluster", { skip: skipWithoutApiTier() }, () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());
  killedCases(() => world);
});
