import { after, before, describe } from "node:test";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { type Led, configurationCases } from "./live/configurations.ts";
import { callerCases } from "./live/callers.ts";
import { rotationCases } from "./live/rotation.ts";
import { manualClock } from "./support/clock.ts";
import { type ShownIdentity, shownIdentity } from "./support/shown-identity.ts";
import { type World, ready, startWorld } from "./support/world.ts";

describe("replicas of the operator on an API server", { skip: skipWithoutApiTier() }, () => {
  let world: World;
  let led: Led;
  let identity: ShownIdentity;
  before(async () => {
    identity = shownIdentity();
    world = await startWorld({ flags: { "admission-control-config-file": identity.configFile } });
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
    identity[Symbol.dispose]();
  });

  rotationCases(() => world);
  callerCases(
    () => world,
    () => identity,
  );
  describe("one of them", () => {
    before(async () => {
      const clock = manualClock();
      led = { world, clock, replica: await world.replica({ clock }) };
      await ready(led.replica);
    });
    configurationCases(() => led);
  });
});
