/** The webhook configurations, under the hands of others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIGURATION_RESOURCES, MISSING_MS } from "#operator/authority/guard.ts";
import { trusts } from "#operator/authority/bundle.ts";
import type { WebhookConfiguration } from "#operator/config/settings.ts";
import type { PatchOperation } from "#operator/kube/client.ts";
import { CLUSTER_ROLES, SECRETS, type Resource } from "#operator/kube/resource.ts";
import { NAMESPACE } from "#test/chart/support/helm.ts";
import type { ManualClock } from "../support/clock.ts";
import { type Replica, type World, configurationNow, forever, put, ready, until } from "../support/world.ts";

const call = { signal: forever };
const resourceOf = ({ kind }: WebhookConfiguration) =>
  CONFIGURATION_RESOURCES[kind] as Resource<WebhookConfiguration>;

export interface Led {
  readonly world: World;
  readonly replica: Replica;
  /** The replica's. */
  readonly clock: ManualClock;
}

export function configurationCases(led: () => Led): void {
  test("whatever somebody changes about a webhook configuration is put right", async () => {
    const { world, replica } = led();
    const { kube, settings } = world;
    await ready(replica);
    for (const desired of settings.webhook.configurations) {
      const resource = resourceOf(desired);
      const good = await configurationNow(kube, desired);
      const changes: readonly (readonly PatchOperation[])[] = [
        [{ op: "replace", path: "/webhooks/0/failurePolicy", value: "Ignore" }],
        [{ op: "add", path: "/webhooks/0/objectSelector", value: { matchLabels: { inject: "yes" } } }],
        [{ op: "add", path: "/webhooks/0/matchConditions", value: [{ name: "never", expression: "false" }] }],
        [{ op: "replace", path: "/webhooks/0/namespaceSelector", value: { matchLabels: { never: "" } } }],
        [{ op: "replace", path: "/webhooks/0/rules/0/operations", value: ["DELETE"] }],
        [{ op: "replace", path: "/webhooks/0/timeoutSeconds", value: 30 }],
        [{ op: "replace", path: "/webhooks/0/clientConfig/url", value: "https://127.0.0.1:1/mutate/pods" }],
        [{ op: "remove", path: "/webhooks/0" }],
        [{ op: "remove", path: "/webhooks/0/clientConfig/caBundle" }],
        [
          {
            op: "replace",
            path: "/webhooks/0/clientConfig/caBundle",
            value: Buffer.from(world.api.pki.caPem).toString("base64"),
          },
        ],
      ];
      for (const operations of changes) {
        await kube.patch(resource, desired.metadata.name, operations, call);
        await until(`${desired.kind} is as it was after ${JSON.stringify(operations)}`, async () => {
          const now = await configurationNow(kube, desired);
          return JSON.stringify(now.webhooks) === JSON.stringify(good.webhooks) ? true : undefined;
        });
      }
    }
    const metrics = await replica.metrics();
    assert.match(
      metrics,
      /restored_total\{configuration="MutatingWebhookConfiguration\/sallyport",damage="changed"\} 8/,
    );
    await until("it is intact", async () =>
      /intact\{configuration="MutatingWebhookConfiguration\/sallyport"\} 1/.test(await replica.metrics())
        ? true
        : undefined,
    );
  });

  test("what is as it should be is not written", async () => {
    const { world } = led();
    const versions = async () =>
      Promise.all(
        world.settings.webhook.configurations.map(
          async (each) => (await configurationNow(world.kube, each)).metadata.resourceVersion,
        ),
      );
    const before = await versions();
    // Something that has the guard look again, and is seen to be done.
    const [first] = world.settings.webhook.configurations;
    assert.ok(first !== undefined);
    const path = "/metadata/annotations/seen";
    await world.kube.patch(resourceOf(first), first.metadata.name, [{ op: "add", path, value: "1" }], call);
    const looked = async () =>
      /reconciles_total\{controller="webhook-configurations",outcome="done"\} (\d+)/.exec(
        await led().replica.metrics(),
      )?.[1];
    const count = Number(await looked());
    await world.kube.patch(resourceOf(first), first.metadata.name, [{ op: "remove", path }], call);
    await until("the guard has looked", async () => (Number(await looked()) >= count + 2 ? true : undefined));
    const after = await versions();
    assert.equal(after[1], before[1]);
    assert.equal(Number(after[0]) > Number(before[0]), true);
  });

  test("a deleted configuration is made anew and goes with the chart; while the chart goes it is not", async () => {
    const { world, replica, clock } = led();
    const { kube, settings } = world;
    const [desired] = settings.webhook.configurations;
    assert.ok(desired !== undefined);
    const resource = resourceOf(desired);
    const role = await kube.get(CLUSTER_ROLES, settings.webhook.owner, call);
    assert.ok(role !== undefined);
    await kube.delete(resource, desired.metadata.name, call);
    await until("the replica sees it", () => (replica.operator.notReady().length > 0 ? true : undefined));
    assert.match(replica.operator.notReady().join(), /do not trust our certificate/);
    const made = await until("it is there again", async () => {
      clock.advance(MISSING_MS / 4);
      return kube.get(resource, desired.metadata.name, call);
    });
    assert.deepEqual(
      made.metadata.ownerReferences?.map(({ kind, name, uid }) => ({ kind, name, uid })),
      [{ kind: "ClusterRole", name: settings.webhook.owner, uid: role.metadata.uid }],
    );
    await until("it is ready again", () => (replica.operator.notReady().length === 0 ? true : undefined));

    // helm takes the configurations first, then the rights that the operator has them by.
    await kube.delete(CLUSTER_ROLES, settings.webhook.owner, call);
    try {
      await kube.delete(resource, desired.metadata.name, call);
      const looked = async (): Promise<number> =>
        [
          ...(await replica.metrics()).matchAll(
            /reconciles_total\{controller="webhook-configurations".*\} (\d+)/g,
          ),
        ]
          .map(([, count]) => Number(count))
          .reduce((sum, count) => sum + count, 0);
      const before = await looked();
      await until("the guard has looked several times", async () => {
        clock.advance(MISSING_MS);
        return (await looked()) > before + 2 ? true : undefined;
      });
      assert.equal(await kube.get(resource, desired.metadata.name, call), undefined);
    } finally {
      const { resourceVersion: _version, uid: _uid, ...metadata } = role.metadata;
      await kube.create(CLUSTER_ROLES, { ...role, metadata }, call);
      await put(kube, desired);
    }
    await until("it is ready again", () => {
      clock.advance(1_000);
      return replica.operator.notReady().length === 0 ? true : undefined;
    });
  });

  test("a deleted Secret is made anew, and the authority before it is trusted on", async () => {
    const { world, replica, clock } = led();
    const { kube, settings } = world;
    const key = `${NAMESPACE}/${settings.webhook.authoritySecret}`;
    const pemOf = async () =>
      Buffer.from((await kube.get(SECRETS, key, call))?.data?.["tls.crt"] ?? "", "base64").toString();
    const old = await pemOf();
    await kube.delete(SECRETS, key, call);
    const fresh = await until("there is another", async () => {
      clock.advance(15_000);
      const pem = await pemOf();
      return pem !== "" && pem !== old ? pem : undefined;
    });
    await until("both are trusted", async () => {
      const all = await Promise.all(
        settings.webhook.configurations.map((each) => configurationNow(kube, each)),
      );
      return all.every((each) => trusts(each, old) && trusts(each, fresh)) ? true : undefined;
    });
    assert.deepEqual(replica.operator.notReady(), []);
  });
}
