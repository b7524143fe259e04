/**
 * What needs a real API server that nobody breaks: one for all of it, the client's, the pods' and the kinds'. Each suite makes
 * namespaces of its own; the kinds come last, since everything that is in the cluster is theirs to follow.
 */
import { after, before, describe } from "node:test";
import { type Kube, openKube } from "#operator/kube/client.ts";
import { conditionSuite } from "#test/kinds/live/conditions.ts";
import { crdSuite } from "#test/kinds/live/crds.ts";
import { deputySuite } from "#test/kinds/live/deputy.ts";
import { namespaceSuite } from "#test/kinds/live/namespaces.ts";
import { installKinds, type Live } from "#test/kinds/live/server.ts";
import { writersSuite } from "#test/kinds/live/writers.ts";
import { podTests } from "#test/pods/live/pods.ts";
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
  describe("pods", () => podTests(given));

  describe("our kinds", () => {
    let live: Live;
    before(async () => {
      live = await installKinds(api);
    });
    after(() => {
      live.kube[Symbol.dispose]();
      live.operator[Symbol.dispose]();
    });
    const there = (): Live => live;
    describe("with the controllers running", () => conditionSuite(there));
    describe("in namespaces that are enforced", () => namespaceSuite(there));
    describe("as definitions", () => crdSuite(there));
    describe("in the hands of those who may write them", () => deputySuite(there));
    describe("and the service accounts that may write them", () => writersSuite(there));
  });
});
