/** What client-node does that we do not build on. Where one of these fails, it does better now: look at decision 0003 again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CoreV1Api, NetworkingV1Api } from "@kubernetes/client-node";
import { type Kube, openKube } from "#operator/kube/client.ts";
import { NETWORK_POLICIES } from "#operator/kube/resource.ts";
import type { ApiTier } from "#tools/cluster/api-tier.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { soon } from "./client.ts";

export function trapTests(given: () => { readonly api: ApiTier; readonly kube: Kube }): void {
  test("client-node calls `from` of a network policy `_from`: who reads `from` takes a closed door for an open one", async () => {
    const { api, kube } = given();
    const namespace = await api.namespace();
    const metadata = { namespace, name: "closed" };
    const from = [{ podSelector: { matchLabels: { colour: "red" } } }];
    await kube.apply(NETWORK_POLICIES, { metadata, spec: { podSelector: {}, ingress: [{ from }] } }, soon());
    const theirs = await api.config
      .makeApiClient(NetworkingV1Api)
      .readNamespacedNetworkPolicy({ namespace, name: "closed" });
    const [rule] = theirs.spec?.ingress ?? [];
    assert.ok(rule !== undefined && !("from" in rule) && rule._from !== undefined);
    const ours = await kube.get(NETWORK_POLICIES, `${namespace}/closed`, soon());
    assert.deepEqual(ours?.spec?.ingress?.[0]?.from, from);
  });

  test("client-node opens a new connection for every request; ours share one", async (t) => {
    const { api } = given();
    await using proxy = await startTcpProxy(api.config);
    using kube = openKube(proxy.config);
    const core = proxy.config.makeApiClient(CoreV1Api);
    for (let request = 0; request < 10; request += 1) await kube.list(NETWORK_POLICIES, soon());
    const ours = proxy.accepted;
    for (let request = 0; request < 10; request += 1) await core.listNamespace();
    const theirs = proxy.accepted - ours;
    t.diagnostic(`figure kube.connections-per-ten-requests=${ours} (client-node: ${theirs})`);
    assert.equal(ours, 1);
    assert.equal(theirs, 10, "client-node keeps its connections now");
  });
}
