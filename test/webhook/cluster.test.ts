import { after, before, describe } from "node:test";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { injectorCases } from "./live/injectors.ts";
import { kindCases } from "./live/kinds.ts";
import { makerCases } from "./live/makers.ts";
import { outageCases } from "./live/outages.ts";
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
  makerCases(() => world);
  injectorCases(() => world);
  kindCases(() => world);
  outageCases(() => world);
});
