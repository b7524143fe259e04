/** What a user of a cluster meets: a release installed by the README, a labelled namespace, and the pods that are made in it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { V1Pod } from "@kubernetes/client-node";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";
import { DEPARTED, KEPT_IN, PEER, type World, departures } from "./support/attacks.ts";
import { commandsOf, runAsWritten } from "./support/pages.ts";
import { DIAL, deployment, job, namespace, pod, shell, sleeper, spec } from "./support/pods.ts";
import { type Release, installRelease } from "./support/release.ts";
import { assertOrdered, namesOf, python, read, whenReady } from "./support/seen.ts";

const SHOP = "shop";
const OUTSIDE = "outside";

describe("a release on a node", { skip: skipWithoutNodeTier() }, () => {
  let release: Release;
  before(async () => {
    release = await installRelease();
    await release.apply(
      namespace(OUTSIDE),
      pod(SHOP, "ordered", spec([sleeper()], { initContainers: [shell("first", DIAL)] })),
      job(SHOP, "once", DIAL),
      deployment(SHOP, "refused", { ...spec([sleeper()]), hostNetwork: true }),
      pod(OUTSIDE, "peer", spec([{ ...sleeper(), command: ["python3", "-c", PEER] }])),
      pod(OUTSIDE, "loose", spec([sleeper({ securityContext: { capabilities: { add: ["NET_ADMIN"] } } })])),
    );
  });
  after(() => release?.[Symbol.asyncDispose]());

  test("five commands lead from nothing to an injected pod that is Ready", async (t) => {
    const { items } = (await read(release, SHOP, "pods --selector=app=agent")) as unknown as {
      items: V1Pod[];
    };
    assert.equal(items.length, 1);
    const [made] = items;
    assert.deepEqual(namesOf(made?.spec?.initContainers), ["gw-init", "gw"]);
    assert.ok(made?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True"));
    for (const [name, value] of Object.entries(release.figures)) t.diagnostic(`figure ${name}=${value}`);
  });

  for (const commands of commandsOf("README.md").slice(1))
    test(`${commands.place} does what it says`, async () => void (await runAsWritten(release, commands)));

  test("rules come first, then the gateway, then what the pod's author wrote", () =>
    assertOrdered(release, SHOP));

  test("nothing leaves the pod, and who tries is told why", async () => {
    await Promise.all([
      whenReady(release, OUTSIDE, "peer"),
      whenReady(release, OUTSIDE, "loose"),
      whenReady(release, SHOP, "ordered"),
    ]);
    const peer = (await read(release, OUTSIDE, "pod peer")).status?.podIP ?? "";
    const world: World = { peer, apiServer: "10.96.0.1", resolver: "10.96.0.10" };
    assert.match(await release.inAgent(SHOP, "ordered", python(departures(world))), KEPT_IN);
    assert.equal(await release.kubectl(`logs --namespace ${OUTSIDE} peer`), "listening\n");
    // The twin: the same program where there is no gateway.
    assert.equal(await release.inAgent(OUTSIDE, "loose", python(departures(world))), DEPARTED);
    assert.match(
      await release.kubectl(`logs --namespace ${OUTSIDE} peer`),
      /heard b'GET [^]*heard b'datagram'/,
    );
    const psql = "psql --no-psqlrc 'postgresql://agent@192.0.2.77/shop' --command='select 1' 2>&1; true";
    assert.match(
      await release.inAgent(SHOP, "ordered", psql),
      /DETAIL: +Refused by the gateway: DESTINATION_UNKNOWN/,
    );
  });

  test("a Job completes, though a sidecar is in it", async () => {
    await release.kubectl(`wait --namespace ${SHOP} --for=condition=Complete job/once --timeout=60s`);
    assert.match(
      await release.kubectl(`logs --namespace ${SHOP} job/once --container=once`),
      /DESTINATION_UNKNOWN/,
    );
  });

  test("a pod that is refused is told of where its author looks, with the field and the fix", async () => {
    const told = /spec\.hostNetwork: shares the network of its node.* Fix: Remove hostNetwork/;
    const wait = `wait --namespace ${SHOP} --for=condition=ReplicaFailure deployment/refused --timeout=30s`;
    await release.kubectl(wait);
    assert.match(
      await release.kubectl(`describe --namespace ${SHOP} replicaset --selector=app=refused`),
      told,
    );
    const condition = `get --namespace ${SHOP} deployment refused --output=jsonpath={.status.conditions[?(@.type=="ReplicaFailure")].message}`;
    assert.match(await release.kubectl(condition), told);
    assert.match(await release.kubectl(`events --namespace ${SHOP} --types=Warning`), told);
  });
});
