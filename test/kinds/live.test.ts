/** Our kinds on a real API server. One server for all suites: what they make is in namespaces of their own. */
import { after, before, describe } from "node:test";
import { type ApiTier, startApiTier } from "#tools/cluster/api-tier.ts";
import { skipWithoutApiTier } from "../support/cluster.ts";
import { conditionSuite } from "./live/conditions.ts";
import { crdSuite } from "./live/crds.ts";
import { deputySuite } from "./live/deputy.ts";
import { namespaceSuite } from "./live/namespaces.ts";
import { installKinds, type Live } from "./live/server.ts";
import { writersSuite } from "./live/writers.ts";

describe("our kinds on a real API server", { skip: skipWithoutApiTier() }, () => {
  let api: ApiTier | undefined;
  let live: Live | undefined;
  before(async () => {
    api = await startApiTier();
    live = await installKinds(api);
  });
  after(async () => {
    live?.kube[Symbol.dispose]();
    live?.operator[Symbol.dispose]();
    await api?.[Symbol.asyncDispose]();
  });
  const there = (): Live => {
    if (live === undefined) throw new Error("the API server did not start");
    return live;
  };

  describe("with the controllers running", () => conditionSuite(there));
  describe("in namespaces that are enforced", () => namespaceSuite(there));
  describe("as definitions", () => crdSuite(there));
  describe("in the hands of those who may write them", () => deputySuite(there));
  describe("and the service accounts that may write them", () => writersSuite(there));
});
