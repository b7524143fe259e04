/** The same API server without HTTP/2, as it is met behind some proxies. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openKube } from "#operator/kube/client.ts";
import { CONFIG_MAPS, NAMESPACES } from "#operator/kube/resource.ts";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { type ApiTier, startApiTier } from "#tools/cluster/api-tier.ts";
import { follow, secondsUntilSeen } from "./support/followed.ts";
import { startTcpProxy } from "./support/tcp-proxy.ts";
import { until } from "./support/until.ts";

const soon = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(20_000) });

describe("an API server that speaks no HTTP/2", { skip: skipWithoutApiTier() }, () => {
  let api: ApiTier;
  before(async () => {
    api = await startApiTier({ flags: { "disable-http2-serving": "true" } });
  });
  after(() => api[Symbol.asyncDispose]());

  test("is read, written and watched, and a watch that stalls is begun anew when its bookmark is overdue", async (t) => {
    const namespace = await api.namespace();
    await using proxy = await startTcpProxy(api.config);
    using straight = openKube(api.config);
    await using followed = await follow(proxy.config, { namespace, timing: { quietMsMax: 1_000 } });
    assert.ok((await secondsUntilSeen(straight, namespace, followed)) < 20);
    proxy.stall();
    const seconds = await secondsUntilSeen(straight, namespace, followed);
    t.diagnostic(`figure kube.deaf-stalled-http1-bookmark-due-in-1s=${seconds.toFixed(2)}`);
    assert.match(followed.logLines.join(""), /"Stalled"/);
    assert.equal(followed.reflector.relists, 0);
  });

  test("keeps its connections for the next requests", async () => {
    await using proxy = await startTcpProxy(api.config);
    using kube = openKube(proxy.config);
    for (let request = 0; request < 10; request += 1) await kube.list(NAMESPACES, soon());
    // The first is the one that asked for HTTP/2.
    assert.ok(proxy.accepted <= 2, `${proxy.accepted} connections`);
  });

  test("an answer that breaks off is an error, and a request that only asks is asked again", async () => {
    const namespace = await api.namespace();
    await using proxy = await startTcpProxy(api.config);
    using kube = openKube(proxy.config);
    await kube.list(NAMESPACES, soon());
    proxy.reset();
    await until("all were reset", () => proxy.open === 0);
    assert.deepEqual((await kube.list(CONFIG_MAPS, { ...soon(), namespace })).items, []);
  });
});
