import { after, before, describe } from "node:test";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { type Led, configurationCases } from "./live/configurations.ts";
import { rotationCases } from "./live/rotation.ts";
import { manualClock } from "./support/clock.ts";
import { type World, ready, startWorld } from "./support/world.ts";

describe("replicas of the operator on an API server", { skip: skipWithoutApiTier() }, () => {
  let world: World;
  let led: Led;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  rotationCases(() => world);
  describe("one of them", () => {
    before(async () => {
      const clock = manualClock();
      led = { world, clock, replica: await world.replica({ clock }) };
      await ready(led.replica);
    });
    configurationCases(() => led);
  });
});
