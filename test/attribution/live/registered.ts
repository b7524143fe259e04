/** Controllers that are registered by a WorkloadController: a fixture in the manner of agent-sandbox, warm pools included. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { KubeConfig } from "@kubernetes/client-node";
import { type Kube, openKube } from "#operator/kube/client.ts";
import { objectKey, PODS, WORKLOAD_CONTROLLERS } from "#operator/kube/resource.ts";
import { AUTHOR, ORIGIN, RESTAMPED } from "#operator/names.ts";
import { refusal } from "#test/webhook/live/pods.ts";
import { configurationNow, forever, until, type World } from "#test/webhook/support/world.ts";
import { type Agent, startAgent } from "../support/agent.ts";
import { whose } from "../support/made.ts";
import {
  CLAIMS,
  type Custom,
  installSandboxes,
  OWNS,
  podTemplate,
  POOLS,
  referenceTo,
  type SandboxController,
  sandboxController,
  SANDBOXES,
} from "../support/sandboxes.ts";

const call = { signal: forever };

export function registeredCases(world: () => World): void {
  describe("a controller that is registered", () => {
    let agent: Agent;
    let config: KubeConfig;
    let controller: SandboxController;
    before(async () => {
      const { kube, api } = world();
      await installSandboxes(world());
      const system = await api.namespace();
      const { uid = "" } = (await kube.create(PODS, podOf("controller", system), call)).metadata;
      config = await api.asServiceAccount(system, "default", { name: "controller", uid });
      controller = sandboxController(config);
      agent = await startAgent(world());
      const spec = { serviceAccount: { namespace: system, name: "default" }, owns: OWNS, pods: "AtExchange" };
      await register(world(), "sandboxes", spec, controller);
    });

    const claim = async (by: Kube, name: string): Promise<Custom> =>
      by.create(
        CLAIMS,
        { metadata: { name, namespace: agent.namespace }, spec: { template: "python" } },
        call,
      );

    test("makes what is its owner's author's, and its pods are looked up at each exchange", async () => {
      using asAgent = openKube(agent.config);
      const claimed = await claim(asAgent, "claim");
      assert.equal(whose(claimed), agent.word);
      const sandbox = await controller.sandbox(claimed, "sandbox");
      assert.equal(whose(sandbox), agent.word);
      assert.equal(
        (await controller.pod(sandbox, "sandbox")).metadata.annotations?.[AUTHOR.from],
        "Exchange",
      );
    });

    test("makes nothing of anybody's for a pool, until it is claimed", async () => {
      const { kube } = world();
      using asAgent = openKube(agent.config);
      const pool = await kube.create(
        POOLS,
        { metadata: { name: "pool", namespace: agent.namespace }, spec: { replicas: 1 } },
        call,
      );
      assert.equal(whose(pool), "administrator");
      const ready = await controller.sandbox(pool, "ready");
      assert.equal(whose(ready), "nobody");
      const pod = await controller.pod(ready, "ready");
      const adopted = await controller.adopt(ready, await claim(asAgent, "late"));
      assert.equal(whose(adopted), agent.word);
      assert.equal(adopted.metadata.annotations?.[ORIGIN.user], ready.metadata.annotations?.[ORIGIN.user]);
      const now = await kube.get(PODS, objectKey(agent.namespace, "ready"), call);
      assert.deepEqual(now?.metadata.annotations, pod.metadata.annotations);
    });

    test("keeps authors of what it changes and does not own; a person becomes the author of what they change", async () => {
      const { api } = world();
      using asAgent = openKube(agent.config);
      const claimed = await claim(asAgent, "changed");
      const key = objectKey(agent.namespace, "changed");
      const kept = await controller.kube.patch(
        CLAIMS,
        key,
        [{ op: "add", path: "/spec/defaulted", value: true }],
        call,
      );
      assert.equal(whose(kept), agent.word);
      const sandbox = await controller.sandbox(claimed, "changed");
      using asBob = openKube(api.as("bob", { groups: ["system:masters"] }));
      const scaled = await asBob.patch(
        SANDBOXES,
        key,
        [{ op: "replace", path: "/spec/replicas", value: 0 }],
        call,
      );
      assert.equal(whose(scaled), whose(sandbox));
      const edited = await asBob.patch(
        SANDBOXES,
        key,
        [{ op: "replace", path: "/spec/podTemplate/spec/containers/0/image", value: "other" }],
        call,
      );
      assert.equal(whose(edited), "bob");
      assert.ok(Date.parse(edited.metadata.annotations?.[RESTAMPED] ?? "") > 0);
    });

    test("alone gives an object of somebody's an owner", async () => {
      const { kube } = world();
      using asAgent = openKube(agent.config);
      const claimed = await claim(asAgent, "own");
      const own = await controller.sandbox(claimed, "own");
      await controller.pod(own, "own");
      const theirs = await claim(kube, "theirs");
      const key = objectKey(agent.namespace, "own");
      const value = [referenceTo(theirs)];
      for (const resource of [SANDBOXES, PODS]) {
        const taking = asAgent.patch(
          resource,
          key,
          [{ op: "replace", path: "/metadata/ownerReferences", value }],
          call,
        );
        assert.match(
          (await refusal(() => taking)).message,
          /sallyport-authors.*ownerReferences/,
          resource.kind,
        );
      }
      // Who is not a controller makes their own, whatever they say of owners.
      const forged = await asAgent.create(
        SANDBOXES,
        {
          metadata: { name: "forged", namespace: agent.namespace, ownerReferences: value },
          spec: { podTemplate },
        },
        call,
      );
      assert.equal(whose(forged), agent.word);
      assert.equal(forged.metadata.annotations?.[AUTHOR.from], undefined);
    });

    test("waits for an owner that is not there, or is another by that name", async () => {
      using asAgent = openKube(agent.config);
      const gone = await claim(asAgent, "gone");
      await asAgent.delete(CLAIMS, objectKey(agent.namespace, "gone"), call);
      assert.match(
        (await refusal(() => controller.sandbox(gone, "gone"))).message,
        /SandboxClaim gone is not there/,
      );
      await claim(asAgent, "gone");
      assert.match(
        (await refusal(() => controller.sandbox(gone, "gone"))).message,
        /SandboxClaim gone is not there/,
      );
    });

    test("is an agent when its pods are agents, and then makes its own", async () => {
      const { api } = world();
      const enforced = await startAgent(world());
      const spec = { serviceAccount: { namespace: enforced.namespace, name: "default" }, owns: OWNS };
      await world().kube.create(WORKLOAD_CONTROLLERS, { metadata: { name: "agent" }, spec }, call);
      await until("it is said that it is not believed", async () => {
        const { stdout } = await api.kubectl(["get", "workloadcontroller", "agent", "-o", "json"]);
        return stdout.includes('"AccountIsAgent"') ? true : undefined;
      });
      using asAgent = sandboxController(enforced.config);
      const claimed = await claim(world().kube, "of-somebody");
      const sandbox = await asAgent.sandbox(claimed, "taken");
      assert.equal(whose(sandbox), enforced.word);
    });

    test("is no author afterwards either, when it is registered no more", async () => {
      using asAgent = openKube(agent.config);
      const sandbox = await controller.sandbox(await claim(asAgent, "lasting"), "lasting");
      await world().kube.delete(WORKLOAD_CONTROLLERS, "sandboxes", call);
      await until("its kinds are stamped no more", async () =>
        (await isRegistered(world())) ? undefined : true,
      );
      const now = await world().kube.get(SANDBOXES, objectKey(agent.namespace, "lasting"), call);
      assert.equal(whose(now ?? sandbox), agent.word);
      controller[Symbol.dispose]();
    });
  });

  test("a program outside of the cluster makes workloads with its token when it is registered", async () => {
    const { api, kube, enforced } = world();
    const system = await api.namespace();
    const namespace = await enforced();
    using ci = openKube(await api.asServiceAccount(system, "default"));
    const bound = await api.kubectl([
      "create",
      "clusterrolebinding",
      "ci",
      "--clusterrole=cluster-admin",
      `--serviceaccount=${system}:default`,
    ]);
    assert.equal(bound.code, 0, bound.stderr);
    const make = () => ci.create(PODS, podOf("job", namespace), call);
    assert.match((await refusal(make)).message, /bound to no pod/);
    const spec = { serviceAccount: { namespace: system, name: "default" }, unboundTokens: "Accepted" };
    await kube.create(WORKLOAD_CONTROLLERS, { metadata: { name: "ci" }, spec }, call);
    const made = await until("it is let in", async () => make().catch(() => undefined));
    assert.equal(whose(made), `system:serviceaccount:${system}:default`);
  });
}

const podOf = (name: string, namespace: string) => {
  return { metadata: { name, namespace }, spec: { containers: [{ name: "app", image: "app" }] } };
};

/** In force everywhere: with the operator, which stamps, and with the API server, which asks it and holds it to it. */
async function register(
  { kube, api, settings }: World,
  name: string,
  spec: object,
  controller: SandboxController,
): Promise<void> {
  await kube.create(WORKLOAD_CONTROLLERS, { metadata: { name }, spec }, call);
  const waited = await api.kubectl([
    "wait",
    "--for=condition=Ready",
    "workloadcontroller",
    name,
    "--timeout=40s",
  ]);
  assert.equal(waited.code, 0, waited.stderr);
  await until("its kinds are stamped", async () =>
    (await isRegistered({ kube, settings })) ? true : undefined,
  );
  // API servers read their policies every second or so: until then they let it give no pod to anybody.
  const namespace = await api.namespace({ "sallyport.dev/enforce": "" });
  const probe = await kube.create(CLAIMS, { metadata: { name: "probe", namespace }, spec: {} }, call);
  await until("the policies know of it", () => controller.pod(probe, "probe").catch(() => undefined));
}

async function isRegistered({ kube, settings }: Pick<World, "kube" | "settings">): Promise<boolean> {
  const found = await Promise.all(
    settings.webhook.configurations.map((each) => configurationNow(kube, each)),
  );
  return found.every(({ webhooks }) => webhooks.some(({ name }) => name.startsWith("registered.")));
}
