/** A renewal that cannot be decided ends nothing, one that is refused ends it, and each is decided anew. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, mock, test } from "node:test";
import type { BrokerPort, LeaseGrant } from "#core/port/port.ts";
import { type Refusal, type RefusalCode, refusal } from "#core/values/refusal.ts";
import { keepLease } from "#sidecar/gateway/lease.ts";
import { type ModelSubject, TroubledCluster, modelWorld } from "./support/model-world.ts";
import { type Rig, policyFor, startRig } from "./support/rig.ts";

describe("the broker", () => {
  const cluster = new TroubledCluster();
  let rig: Rig;
  let subject: ModelSubject;
  before(async () => {
    rig = await startRig(cluster);
    rig.configure([policyFor({ namespace: "shop", name: "agent" })]);
    subject = await modelWorld(rig, cluster).subject();
  });
  after(async () => {
    await subject[Symbol.asyncDispose]();
    await rig[Symbol.asyncDispose]();
  });

  for (const carrier of ["exchange", "renew", "token"] as const) {
    test(`asks the cluster for the pod at every ${carrier}, and takes nothing from memory`, async () => {
      for (let round = 0; round < 3; round += 1) {
        const before = cluster.asked;
        assert.equal(await subject.ask[carrier](), "granted");
        assert.ok(cluster.asked > before, "nobody was asked");
      }
    });
  }

  test("renews no longer than the certificate lasts by which it is asked", async () => {
    // Two minutes before the hour is over; the gateway would have another connection by now.
    rig.clock.aheadMs = 58 * 60_000;
    assert.equal(await subject.ask.exchange(), "granted");
    rig.clock.aheadMs = 61 * 60_000;
    assert.equal(await subject.ask.exchange(), "IDENTITY_EXPIRED");
    assert.equal(await subject.ask.token(), "invalid_client");
    rig.broker.sweep();
    assert.equal(rig.broker.status().leases, 0);
    rig.clock.aheadMs = 0;
  });

  test("does not wait for a cluster that says nothing longer than a gateway waits for it", async () => {
    const { inspect } = cluster;
    // As a network that swallows everything.
    const silence = (): Promise<never> => new Promise(() => undefined);
    cluster.inspect = silence;
    try {
      const patience = AbortSignal.timeout(300);
      const asker = { standing: silence };
      await assert.rejects(rig.broker.permits(asker, { namespace: "shop", name: "orders" }, patience), {
        name: "TimeoutError",
      });
      const waiting = subject.ask.renew();
      await rig.stopBroker();
      assert.equal(await waiting, "SHUTTING_DOWN");
    } finally {
      cluster.inspect = inspect;
    }
  });
});

describe("a data plane", () => {
  afterEach(() => mock.timers.reset());

  interface Kept {
    readonly asked: () => number;
    readonly ended: () => Refusal | undefined;
    pass(ms: number): Promise<void>;
  }

  /** A lease of five minutes at a broker that answers every renewal with that. */
  function kept(answer: () => LeaseGrant | Refusal): Kept {
    mock.timers.enable({ apis: ["setTimeout"] });
    let nowMs = 0;
    let asked = 0;
    let ended: Refusal | undefined;
    const renew = async () => {
      asked += 1;
      return answer();
    };
    keepLease(
      { lease: "a", user: "reader", expiresMs: 300_000 },
      {
        port: { renew } as unknown as BrokerPort,
        nowMs: () => nowMs,
        end: (why) => {
          ended = why;
        },
        recorded: Promise.resolve(undefined),
        onEvent: () => undefined,
      },
    );
    return {
      asked: () => asked,
      ended: () => ended,
      async pass(ms) {
        for (let left = ms; left > 0; left -= 1_000) {
          nowMs += 1_000;
          mock.timers.tick(1_000);
          await Promise.resolve();
          await Promise.resolve();
        }
      },
    };
  }

  test("asks at three fifths of the lease", async () => {
    const lease = kept(() => ({ lease: "a", user: "reader", expiresMs: 600_000 }));
    await lease.pass(179_000);
    assert.equal(lease.asked(), 0);
    await lease.pass(2_000);
    assert.equal(lease.asked(), 1);
    assert.equal(lease.ended(), undefined);
  });

  for (const code of ["POD_UNCHECKED", "IDENTITY_UNCHECKED", "BROKER_UNREACHABLE"] satisfies RefusalCode[]) {
    test(`goes on after ${code}, asks again, and ends with its lease`, async () => {
      const lease = kept(() => refusal(code));
      await lease.pass(299_000);
      assert.equal(lease.ended(), undefined);
      assert.ok(lease.asked() > 30, `asked ${lease.asked()} times`);
      await lease.pass(3_000);
      assert.equal(lease.ended()?.code, "LEASE_ENDED");
    });
  }

  for (const code of ["POD_ENDED", "POD_UNTRUSTED", "DENY_NO_POLICY"] satisfies RefusalCode[]) {
    test(`ends at once after ${code}, and says so`, async () => {
      const lease = kept(() => refusal(code));
      await lease.pass(182_000);
      assert.deepEqual([lease.asked(), lease.ended()?.code], [1, code]);
    });
  }
});
