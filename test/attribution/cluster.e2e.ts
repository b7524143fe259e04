/** Whose pods are that the controllers of a real kube-controller-manager make. */
import { after, before, describe } from "node:test";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { ready, startWorld, type World } from "#test/webhook/support/world.ts";
import { startControllerManager } from "#tools/cluster/controller-manager.ts";
import { controllerCases } from "./live/controllers.ts";
import { handsCases } from "./live/hands.ts";
import { registeredCases } from "./live/registered.ts";

const CONTROLLERS = [
  "deployment-controller",
  "replicaset-controller",
  "statefulset-controller",
  "daemonset-controller",
  "job-controller",
  "cronjob-controller",
  "replicationcontroller-controller",
];

describe("whose it is that a controller makes", { skip: skipWithoutApiTier() }, () => {
  let world: World;
  const started = new AsyncDisposableStack();
  before(async () => {
    world = started.use(await startWorld());
    await ready(await world.replica());
    started.use(await startControllerManager(world.api, { controllers: CONTROLLERS }));
  });
  after(() => started.disposeAsync());
  controllerCases(() => world);
  handsCases(() => world);
  registeredCases(() => world);
});
