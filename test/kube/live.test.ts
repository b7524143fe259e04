/** What needs a real API server that nobody breaks: one for all of it. */
import { after, before, describe } from "node:test";
import { type Kube, openKube } from "#operator/kube/client.ts";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { type ApiTier, startApiTier } from "#tools/cluster/api-tier.ts";
import { accessTests } from "./live/access.ts";
import { clientTests } from "./live/client.ts";
import { controllerTests } from "./live/controller.ts";
import { eventTests } from "./live/events.ts";
import { leaseTests } from "./live/lease.ts";
import { trapTests } from "./live/traps.ts";

describe("on a real API server", { skip: skipWithoutApiTier() }, () => {
  let api: ApiTier;
  let kube: Kube;
  before(async () => {
    api = await startApiTier();
    kube = openKube(api.config);
  });
  after(async () => {
    kube[Symbol.dispose]();
    await api[Symbol.asyncDispose]();
  });
  const given = (): { readonly api: ApiTier; readonly kube: Kube } => ({ api, kube });

  describe("access", () => accessTests(given));
  describe("the client", () => clientTests(given));
  describe("a controller", () => controllerTests(given));
  describe("events", () => eventTests(given));
  describe("leadership", () => leaseTests(given));
  describe("client-node", () => trapTests(given));
});
