import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { CoreV1Api, makeInformer } from "@kubernetes/client-node";
import { type Kube, openKube } from "#operator/kube/client.ts";
import { runElection } from "#operator/kube/lease.ts";
import { CONFIG_MAPS, LEASES } from "#operator/kube/resource.ts";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { type ApiTier, startApiTier } from "#tools/cluster/api-tier.ts";
import { follow, secondsUntilSeen } from "./support/followed.ts";
import { keptLog } from "./support/log.ts";
import { startTcpProxy } from "./support/tcp-proxy.ts";
import { until } from "./support/until.ts";

const soon = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(20_000) });

describe("a store goes on following", { skip: skipWithoutApiTier() }, () => {
  let api: ApiTier;
  /** Straight to the API server, past whatever is broken. */
  let straight: Kube;
  before(async () => {
    api = await startApiTier();
    straight = openKube(api.config);
  });
  after(async () => {
    straight[Symbol.dispose]();
    await api[Symbol.asyncDispose]();
  });

  const deaf = (t: TestContext, fault: string, seconds: number): void =>
    t.diagnostic(`figure kube.deaf-${fault}-s=${seconds.toFixed(2)}`);

  describe("over a network that breaks", { concurrency: true }, () => {
    test("a connection that stalls without a word is given up by the pings of production", async (t) => {
      const namespace = await api.namespace();
      await using proxy = await startTcpProxy(api.config);
      await using followed = await follow(proxy.config, { namespace });
      proxy.stall();
      deaf(t, "stalled", await secondsUntilSeen(straight, namespace, followed));
      assert.match(followed.logLines.join(""), /did not answer a ping/);
      assert.equal(followed.reflector.relists, 0, "what was known was read again");
    });

    test("a leader whose connection stalls has renewed its lease before it is lost, by another connection", async () => {
      const namespace = await api.namespace();
      await using proxy = await startTcpProxy(api.config);
      using kube = openKube(proxy.config);
      const stop = new AbortController();
      const election = runElection({
        kube,
        namespace,
        name: "leader",
        identity: "one",
        lead: ({ signal }) =>
          new Promise((ended) => signal.addEventListener("abort", () => ended(), { once: true })),
        log: keptLog().log,
        signal: stop.signal,
      });
      try {
        await until("it leads", () => election.isHeld());
        const before = await straight.get(LEASES, `${namespace}/leader`, soon());
        proxy.stall();
        await until("it is renewed", async () => {
          const lease = await straight.get(LEASES, `${namespace}/leader`, soon());
          return lease?.metadata.resourceVersion !== before?.metadata.resourceVersion;
        });
        assert.deepEqual([election.isHeld(), election.terms], [true, 1]);
      } finally {
        stop.abort();
        await election.ended;
      }
    });

    test("without pings the same connection is given up when its bookmark is overdue", async () => {
      const namespace = await api.namespace();
      await using proxy = await startTcpProxy(api.config);
      const ping = { everyMs: 60_000, withinMs: 60_000 };
      await using followed = await follow(proxy.config, { namespace, ping, timing: { quietMsMax: 1_000 } });
      proxy.stall();
      const stalled = secondsUntilSeen(straight, namespace, followed);
      await until("the stall is noticed", () => followed.logLines.some((line) => line.includes('"Stalled"')));
      // The connection is the same for all: only a reset frees the watch, which is why there are pings.
      proxy.reset();
      await stalled;
    });

    test("a connection that is reset", async (t) => {
      const namespace = await api.namespace();
      await using proxy = await startTcpProxy(api.config);
      await using followed = await follow(proxy.config, { namespace });
      proxy.reset();
      deaf(t, "reset", await secondsUntilSeen(straight, namespace, followed));
      assert.ok(followed.reflector.reconnects >= 1);
    });

    test("a watch that the API server ends, as it does with each after some minutes", async (t) => {
      const namespace = await api.namespace();
      await using followed = await follow(api.config, { namespace, timing: { watchSeconds: [1, 1] } });
      await until("the watch is begun again", () => followed.reflector.reconnects >= 2);
      deaf(t, "ended", await secondsUntilSeen(straight, namespace, followed));
      assert.equal(followed.reflector.relists, 0);
      assert.doesNotMatch(followed.logLines.join(""), /watch ended/);
    });

    test("a listener that throws at everything", async (t) => {
      const namespace = await api.namespace();
      await using followed = await follow(api.config, { namespace });
      followed.store.onChange(() => {
        throw new Error("broken listener");
      });
      deaf(t, "listener-threw", await secondsUntilSeen(straight, namespace, followed));
      deaf(t, "listener-threw-twice", await secondsUntilSeen(straight, namespace, followed));
      assert.equal(followed.listenerErrors.length, 2);
      assert.equal(followed.reflector.reconnects, 0);
    });
  });

  test("an API server that is killed and started again, where client-node's own informer stops for good", async (t) => {
    const namespace = await api.namespace();
    await using followed = await follow(api.config, { namespace });
    const core = api.config.makeApiClient(CoreV1Api);
    const theirs = makeInformer(api.config, `/api/v1/namespaces/${namespace}/configmaps`, () =>
      core.listNamespacedConfigMap({ namespace }),
    );
    const seenByThem: string[] = [];
    theirs.on("add", ({ metadata }) => seenByThem.push(metadata?.name ?? ""));
    const theirErrors: unknown[] = [];
    theirs.on("error", (error) => theirErrors.push(error));
    await theirs.start();
    await api.kill();
    await until("their informer fails", () => theirErrors.length > 0);
    await api.restart();
    deaf(t, "killed", await secondsUntilSeen(straight, namespace, followed));
    const name = "after-the-restart";
    await straight.create(CONFIG_MAPS, { metadata: { namespace, name } }, soon());
    await until("we see it", () => followed.store.get(`${namespace}/${name}`) !== undefined);
    assert.ok(!seenByThem.includes(name), "client-node's informer recovers by itself now: reconsider 0003");
    await theirs.start();
    await until("they see it when told to start again", () => seenByThem.includes(name));
    await theirs.stop();
  });

  test("a version that the API server has forgotten: what was deleted meanwhile is gone, and what was made is there", async (t) => {
    const namespace = await api.namespace();
    const [kept, deleted] = [
      { metadata: { namespace, name: "kept" } },
      { metadata: { namespace, name: "deleted" } },
    ];
    await straight.create(CONFIG_MAPS, kept, soon());
    await straight.create(CONFIG_MAPS, deleted, soon());
    await using proxy = await startTcpProxy(api.config);
    await using followed = await follow(proxy.config, { namespace });
    const gone: string[] = [];
    followed.store.onChange(({ key, now }) => now === undefined && gone.push(key));
    proxy.refuse(true);
    proxy.reset();
    assert.ok(await straight.delete(CONFIG_MAPS, `${namespace}/deleted`, soon()));
    await straight.create(CONFIG_MAPS, { metadata: { namespace, name: "made" } }, soon());
    // A new watch cache begins now: it knows nothing of what was before.
    await api.restart();
    proxy.refuse(false);
    deaf(t, "expired", await secondsUntilSeen(straight, namespace, followed));
    assert.match(followed.logLines.join(""), /410 Expired/);
    assert.equal(followed.reflector.relists, 1);
    assert.deepEqual(gone, [`${namespace}/deleted`]);
    const names = followed.store.list().map(({ metadata }) => metadata.name);
    assert.ok(names.includes("kept") && names.includes("made") && !names.includes("deleted"));
  });
});
