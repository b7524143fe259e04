import assert from "node:assert/strict";
import { test } from "node:test";
import { openKube, type Kube } from "#operator/kube/client.ts";
import { systemClock } from "#operator/kube/clock.ts";
import { KubeError } from "#operator/kube/error.ts";
import { fenced } from "#operator/kube/fence.ts";
import { type Election, runElection, type Term } from "#operator/kube/lease.ts";
import { CONFIG_MAPS, LEASES } from "#operator/kube/resource.ts";
import type { ApiTier } from "#tools/cluster/api-tier.ts";
import { keptLog } from "../support/log.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";
import { soon } from "./client.ts";

/** A tenth of production's: the proportions are what counts. */
const TIMING = { leaseMs: 2_000, heldMs: 1_200, retryMs: 200, requestMs: 400 };

interface Replica extends AsyncDisposable {
  readonly election: Election;
  readonly terms: readonly Term[];
  readonly beganMs: readonly number[];
  end(): Promise<void>;
}

function replica(
  kube: Kube,
  namespace: string,
  identity: string,
  begins: (term: Term) => Promise<void> | void = () => undefined,
): Replica {
  const stop = new AbortController();
  const terms: Term[] = [];
  const beganMs: number[] = [];
  const election = runElection({
    kube,
    namespace,
    name: "leader",
    identity,
    timing: TIMING,
    log: keptLog().log,
    signal: stop.signal,
    lead: async (term) => {
      terms.push(term);
      beganMs.push(performance.now());
      await begins(term);
      if (!term.signal.aborted)
        await new Promise<void>((resolve) =>
          term.signal.addEventListener("abort", () => resolve(), { once: true }),
        );
    },
  });
  return {
    election,
    terms,
    beganMs,
    end: async () => {
      stop.abort();
      await election.ended;
    },
    async [Symbol.asyncDispose]() {
      await this.end();
    },
  };
}

export function leaseTests(given: () => { readonly api: ApiTier; readonly kube: Kube }): void {
  test("two replicas: the one whose network stalls stops, then the other leads; the first lives on and leads again", async (t) => {
    const { api, kube } = given();
    const namespace = await api.namespace();
    await using proxy = await startTcpProxy(api.config);
    using behindProxy = openKube(proxy.config, { ping: { everyMs: 300, withinMs: 300 } });
    await using one = replica(behindProxy, namespace, "one");
    await until("one leads", () => one.election.isHeld());
    let heldByOneToo = false;
    await using two = replica(kube, namespace, "two", () => {
      heldByOneToo ||= one.election.isHeld() || one.terms.at(-1)?.signal.aborted !== true;
    });
    let stoppedMs = 0;
    one.terms[0]?.signal.addEventListener("abort", () => (stoppedMs = performance.now()), { once: true });
    proxy.refuse(true);
    proxy.stall();
    await until("two leads", () => two.beganMs.length === 1);
    assert.equal(heldByOneToo, false);
    const nobodySeconds = ((two.beganMs[0] ?? 0) - stoppedMs) / 1_000;
    assert.ok(nobodySeconds > 0);
    t.diagnostic(`figure kube.leaderless-at-a-tenth-s=${nobodySeconds.toFixed(2)}`);
    proxy.refuse(false);
    await two.end();
    await until("one leads again", () => one.election.isHeld());
    assert.ok(one.election.terms >= 2);
    const lease = await kube.get(LEASES, `${namespace}/leader`, soon());
    assert.equal(lease?.spec?.holderIdentity, "one");
  });

  test("who does not lead any more writes nothing, who leads does", async () => {
    const { api, kube } = given();
    const namespace = await api.namespace();
    await using one = replica(kube, namespace, "one");
    await until("one leads", () => one.terms.length === 1);
    const [term] = one.terms;
    assert.ok(term !== undefined);
    const guarded = fenced(kube, term);
    const object = (name: string): { metadata: { namespace: string; name: string } } => ({
      metadata: { namespace, name },
    });
    await guarded.create(CONFIG_MAPS, object("written"), soon());
    await one.end();
    const key = `${namespace}/written`;
    const attempts = [
      guarded.create(CONFIG_MAPS, object("late"), soon()),
      guarded.apply(CONFIG_MAPS, object("written"), soon()),
      guarded.update(CONFIG_MAPS, object("written"), soon()),
      guarded.patch(CONFIG_MAPS, key, [{ op: "remove", path: "/metadata/labels" }], soon()),
      guarded.applyStatus(CONFIG_MAPS, key, {}, soon()),
      guarded.delete(CONFIG_MAPS, key, soon()),
    ];
    for (const result of await Promise.allSettled(attempts)) {
      assert.ok(result.status === "rejected" && result.reason instanceof KubeError);
      assert.equal(result.reason.reason, "LeaseLost");
    }
    assert.ok((await guarded.get(CONFIG_MAPS, key, soon())) !== undefined, "reading is free");
    assert.equal(await kube.get(CONFIG_MAPS, `${namespace}/late`, soon()), undefined);
  });

  test("a leader whose work fails makes way for another", async () => {
    const { api, kube } = given();
    const namespace = await api.namespace();
    await using broken = replica(kube, namespace, "broken", () =>
      Promise.reject(new Error("its work failed")),
    );
    await until("the broken one led", () => broken.terms.length > 0);
    await using other = replica(kube, namespace, "other");
    await until("the other leads", () => other.election.isHeld());
    const { length } = broken.terms;
    await systemClock.sleep(3 * TIMING.retryMs, new AbortController().signal);
    assert.equal(broken.terms.length, length);
  });
}
