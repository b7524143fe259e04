/** Several replicas, while certificates change and replicas come and go: pods are made all the while, and none is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { trusts } from "#operator/authority/bundle.ts";
import { AUTHORITY_VALID_MS, decodeRecord, encodeRecord } from "#operator/authority/record.ts";
import { SETTLE_MS } from "#operator/authority/serving.ts";
import { PODS, SECRETS } from "#operator/kube/resource.ts";
import { makeAuthority } from "#runtime/certificate/make.ts";
import { NAMESPACE } from "#test/chart/support/helm.ts";
import { DAY_MS } from "../support/admission-port.ts";
import { type ManualClock, manualClock } from "../support/clock.ts";
import { type Replica, type World, configurationNow, forever, ready, until } from "../support/world.ts";
import { app } from "./pods.ts";

const call = { signal: forever };
const HOUR_MS = 60 * 60_000;

export interface Load extends AsyncDisposable {
  readonly made: () => number;
}

/** Pods, one after the other, from several clients; a refusal is found at the end. */
export async function underLoad(world: World): Promise<Load> {
  const namespace = await world.enforced();
  const object = { metadata: { generateName: "agent-", namespace } as never, spec: { containers: [app] } };
  let made = 0;
  const over = new AbortController();
  const failures: Error[] = [];
  const clients = Array.from({ length: 3 }, async () => {
    while (!over.signal.aborted)
      try {
        const pod = await world.kube.create(PODS, object, { ...call, dryRun: true });
        assert.equal(pod.spec?.initContainers?.[0]?.name, "gw-init");
        made += 1;
      } catch (error) {
        failures.push(error as Error);
      }
  });
  return {
    made: () => made,
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await Promise.all(clients);
      const messages = failures.splice(0).map(({ message }) => message);
      assert.deepEqual(messages, []);
    },
  };
}

/** At least so many more pods, made after this moment. */
async function more(load: Load, count = 6): Promise<void> {
  const before = load.made();
  await until("pods are made", () => (load.made() >= before + count ? true : undefined));
}

export function rotationCases(world: () => World): void {
  const authorityOf = async () => {
    const secret = await world().kube.get(
      SECRETS,
      `${NAMESPACE}/${world().settings.webhook.authoritySecret}`,
      call,
    );
    return decodeRecord(secret?.data);
  };
  const trustedByAll = async (pem: string): Promise<boolean> => {
    const { kube, settings } = world();
    const all = await Promise.all(
      settings.webhook.configurations.map((each) => configurationNow(kube, each)),
    );
    return all.every((each) => trusts(each, pem));
  };
  const servedBy = async (replica: Replica): Promise<string> =>
    /^sallyport_serving_certificate_ends_seconds (\S+)/m.exec(await replica.metrics())?.[1] ?? "";

  test("an authority is replaced under load without a refused pod", async (t) => {
    const { kube, settings } = world();
    // Made so long ago that it is due in an hour of the replicas' clocks, which begin two hours ago.
    const startMs = Date.now() - 2 * HOUR_MS;
    const madeMs = startMs + HOUR_MS - (2 / 3) * AUTHORITY_VALID_MS;
    const first = makeAuthority("Sallyport webhooks of old", madeMs, AUTHORITY_VALID_MS);
    const [namespace, name] = [NAMESPACE, settings.webhook.authoritySecret];
    await kube.create(
      SECRETS,
      { metadata: { name, namespace }, type: "kubernetes.io/tls", data: encodeRecord({ current: first }) },
      call,
    );
    const clocks: ManualClock[] = [manualClock(startMs), manualClock(startMs)];
    const advance = (ms: number): void => {
      for (const clock of clocks) clock.advance(ms);
    };
    const replicas = await Promise.all(clocks.map((clock) => world().replica({ clock })));
    await Promise.all(replicas.map(ready));
    await using load = await underLoad(world());
    await more(load);
    const before = await Promise.all(replicas.map(servedBy));

    advance(1.1 * HOUR_MS);
    const second = await until("there is a new authority", async () => {
      advance(15_000);
      const record = await authorityOf();
      return record?.previousPem === first.certificatePem ? record.current : undefined;
    });
    await until("both are trusted", async () =>
      (await trustedByAll(second.certificatePem)) && (await trustedByAll(first.certificatePem))
        ? true
        : undefined,
    );
    await more(load);
    // API servers may not have seen it: everybody still serves with the old one.
    assert.deepEqual(await Promise.all(replicas.map(servedBy)), before);
    await until("every replica serves with the new one", async () => {
      advance(SETTLE_MS / 2);
      const now = await Promise.all(replicas.map(servedBy));
      return now.every((ends, at) => ends !== before[at]) ? true : undefined;
    });
    await more(load);

    advance(1.1 * DAY_MS);
    await until("only the new one is trusted", async () => {
      advance(15_000);
      return (await trustedByAll(first.certificatePem)) ? undefined : true;
    });
    assert.ok(await trustedByAll(second.certificatePem));
    await more(load);
    t.diagnostic(`figure webhook.pods-during-rotation=${load.made()}`);
    await load[Symbol.asyncDispose]();
    for (const replica of replicas) await replica.stop();
  });

  test("replicas come and go under load without a refused pod, and somebody leads", async () => {
    let current = await world().replica({ settings: { drainSeconds: 1 } });
    await ready(current);
    await using load = await underLoad(world());
    for (let round = 0; round < 3; round += 1) {
      const next = await world().replica({ settings: { drainSeconds: 1 } });
      await ready(next);
      await more(load);
      const stopped = current.leave();
      await until("it says that it stops", () =>
        current.operator.notReady().includes("shutting down") ? true : undefined,
      );
      await stopped;
      await more(load);
      current = next;
      await until("the next one leads", async () =>
        /sallyport_leader 1/.test(await current.metrics()) ? true : undefined,
      );
    }
    await load[Symbol.asyncDispose]();
    await current.stop();
  });
}
