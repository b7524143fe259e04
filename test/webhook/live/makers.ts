/** Whoever makes pods, or changes what they are made from: people who debug, and what the API server itself adds. What the controllers of a cluster make: test/attribution. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openKube } from "#operator/kube/client.ts";
import { PODS, type Pod } from "#operator/kube/resource.ts";
import { ORIGIN } from "#operator/names.ts";
import { whose, WORKLOADS } from "#test/attribution/support/made.ts";
import { type World, forever } from "../support/world.ts";
import { app, refusal, reservedOf } from "./pods.ts";

const call = { signal: forever };
const labels = { app: "agent" };
const template = { metadata: { labels }, spec: { containers: [app] } };

export function makerCases(world: () => World): void {
  test("a change keeps who made it, whatever the change says, and is not refused for saying it", async () => {
    const { api, kube, enforced } = world();
    const namespace = await enforced();
    const resource = WORKLOADS.Deployment;
    const spec = { selector: { matchLabels: labels }, template };
    await kube.create(resource, { metadata: { name: "agent", namespace }, spec }, call);
    using as = openKube(api.as("editor", { groups: ["system:masters"] }));
    for (const value of ["editor", ""]) {
      const path = `/metadata/annotations/${ORIGIN.user.replace("/", "~1")}`;
      const changed = await as.patch(resource, `${namespace}/agent`, [{ op: "replace", path, value }], call);
      assert.equal(changed.metadata.annotations?.[ORIGIN.user], "administrator");
    }
    const scaled = await as.patch(
      resource,
      `${namespace}/agent`,
      [{ op: "replace", path: "/spec/replicas", value: 3 }],
      call,
    );
    assert.equal(scaled.metadata.annotations?.[ORIGIN.user], "administrator");
  });

  test("what a controller makes is its owner's author's, and what anybody else makes is their own", async () => {
    const { api, kube, enforced } = world();
    const namespace = await enforced();
    const spec = { selector: { matchLabels: labels }, template };
    const owner = await kube.create(
      WORKLOADS.ReplicaSet,
      { metadata: { name: "agent", namespace }, spec },
      call,
    );
    const { uid = "" } = owner.metadata;
    const ownerReferences = [
      { apiVersion: "apps/v1", kind: "ReplicaSet", name: "agent", uid, controller: true },
    ];
    const makes = async (user: string): Promise<Pod> => {
      using as = openKube(api.as(user, { groups: ["system:masters"] }));
      const metadata = { name: `by-${user.split(":").at(-1)}`, namespace, labels, ownerReferences };
      return as.create(PODS, { metadata, spec: template.spec }, call);
    };
    const made = await makes("system:serviceaccount:kube-system:replicaset-controller");
    assert.deepEqual(reservedOf(made), ["gw-init", "gw"]);
    assert.equal(whose(made), "administrator");
    assert.equal(whose(await makes("mallory")), "mallory");
  });

  test("a workload in a namespace of agents is refused when its pods would be, by its pods", async () => {
    const { kube, enforced } = world();
    const namespace = await enforced();
    const hostile = { ...template, spec: { ...template.spec, hostNetwork: true } };
    const spec = { selector: { matchLabels: labels }, template: hostile };
    await kube.create(WORKLOADS.ReplicaSet, { metadata: { name: "agent", namespace }, spec }, call);
    const { message } = await refusal(() =>
      kube.create(PODS, { metadata: { name: "a", namespace }, spec: hostile.spec }, call),
    );
    assert.match(message, /hostNetwork/);
  });

  test("ephemeral containers wait for the gateway, and are held to what all containers are held to", async () => {
    const { kube, enforced } = world();
    const namespace = await enforced();
    const key = `${namespace}/agent`;
    await kube.create(PODS, { metadata: { name: "agent", namespace }, spec: { containers: [app] } }, call);
    const debug = (container: object) =>
      kube.patch<Pod>(
        PODS,
        key,
        [
          {
            op: "add",
            path: "/spec/ephemeralContainers",
            value: [{ name: "debug", image: "tools", ...container }],
          },
        ],
        { ...call, subresource: "ephemeralcontainers" },
      );
    assert.match((await refusal(() => debug({}))).message, /not captured yet/);
    const terminated = { exitCode: 0, reason: "Completed", startedAt: null, finishedAt: null };
    await kube.patch(
      PODS,
      key,
      [
        {
          op: "add",
          path: "/status/initContainerStatuses",
          value: [
            {
              name: "gw-init",
              image: "i",
              imageID: "i",
              ready: true,
              restartCount: 0,
              state: { terminated },
              lastState: {},
            },
          ],
        },
      ],
      { ...call, subresource: "status" },
    );
    assert.match((await refusal(() => debug({ targetContainerName: "gw" }))).message, /targetContainerName/);
    assert.match(
      (await refusal(() => debug({ securityContext: { privileged: true } }))).message,
      /privileged/,
    );
    const debugged = await debug({});
    const [container] = debugged.spec?.ephemeralContainers ?? [];
    assert.deepEqual(container?.securityContext?.capabilities?.drop, ["ALL"]);
    assert.equal(container?.securityContext?.allowPrivilegeEscalation, false);
  });

  test("what LimitRange and ResourceQuota ask for, the gateway has", async () => {
    const { api, kube, enforced } = world();
    const namespace = await enforced();
    const stdin = JSON.stringify({
      apiVersion: "v1",
      kind: "List",
      items: [
        {
          apiVersion: "v1",
          kind: "LimitRange",
          metadata: { name: "limits", namespace },
          spec: {
            limits: [
              {
                type: "Container",
                default: { cpu: "500m", memory: "300Mi", "ephemeral-storage": "1Gi" },
                defaultRequest: { cpu: "100m", memory: "100Mi", "ephemeral-storage": "10Mi" },
                max: { memory: "1Gi" },
              },
            ],
          },
        },
        {
          apiVersion: "v1",
          kind: "ResourceQuota",
          metadata: { name: "quota", namespace },
          spec: { hard: { "limits.memory": "10Gi", "requests.cpu": "10", "limits.cpu": "10" } },
          // A controller would count; without one nothing is known, and nothing is let in.
          status: {},
        },
      ],
    });
    assert.equal((await api.kubectl(["apply", "-f", "-"], { stdin })).code, 0);
    const hard = { "limits.memory": "10Gi", "requests.cpu": "10", "limits.cpu": "10" };
    const used = { "limits.memory": "0", "requests.cpu": "0", "limits.cpu": "0" };
    const counted = await api.kubectl([
      "patch",
      "resourcequota",
      "quota",
      "-n",
      namespace,
      "--subresource=status",
      "--type=merge",
      "-p",
      JSON.stringify({ status: { hard, used } }),
    ]);
    assert.equal(counted.code, 0, counted.stderr);
    const made = await kube.create(
      PODS,
      { metadata: { name: "agent", namespace }, spec: { containers: [app] } },
      call,
    );
    assert.deepEqual(reservedOf(made), ["gw-init", "gw"]);
    for (const container of made.spec?.initContainers?.slice(0, 2) ?? []) {
      assert.ok(container.resources?.limits?.["memory"] !== undefined, container.name);
      assert.ok(container.resources?.limits?.["cpu"] !== undefined, container.name);
    }
    assert.equal(made.spec?.containers[0]?.resources?.limits?.["memory"], "300Mi");
  });
}
