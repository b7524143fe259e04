/** The same API server without HTTP/2, as it is met behind some proxies. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openKube } from "#operator/kube/client.ts";
import { KubeError } from "#operator/kube/error.ts";
import { CONFIG_MAPS, NAMESPACES, SUBJECT_ACCESS_REVIEWS } from "#operator/kube/resource.ts";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { type ApiTier, startApiTier } from "#tools/cluster/api-tier.ts";
import { follow, secondsUntilSeen } from "./support/followed.ts";
import { startTcpProxy } from "./support/tcp-proxy.ts";

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

  test("what only asks is asked again when its connection breaks, and a write is not", async () => {
    const namespace = await api.namespace();
    await using proxy = await startTcpProxy(api.config);
    using kube = openKube(proxy.config);
    const inUse = async <T>(ask: () => Promise<T>): Promise<T> => {
      await kube.list(NAMESPACES, soon());
      proxy.resetWhenUsed();
      return ask();
    };
    const read = await inUse(() => kube.list(CONFIG_MAPS, { ...soon(), namespace }));
    assert.ok(read.items.every(({ metadata }) => metadata.namespace === namespace));
    const spec = { user: "somebody", resourceAttributes: { verb: "get", resource: "pods", namespace } };
    const review = await inUse(() => kube.post({ resource: SUBJECT_ACCESS_REVIEWS }, { spec }, soon()));
    assert.partialDeepStrictEqual(review, { status: { allowed: false } });
    const object = { metadata: { namespace, name: "written" } };
    await assert.rejects(
      inUse(() => kube.create(CONFIG_MAPS, object, soon())),
      (error) => error instanceof KubeError && error.reason === "Unreachable",
    );
    await kube.create(CONFIG_MAPS, object, soon());
  });
});
