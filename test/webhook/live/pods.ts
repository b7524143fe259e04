/** Pods as users and controllers make them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1Pod } from "@kubernetes/client-node";
import { check } from "#operator/admission/pod/check.ts";
import { KubeError } from "#operator/kube/error.ts";
import { openKube } from "#operator/kube/client.ts";
import { NAMESPACES, PODS, type Pod } from "#operator/kube/resource.ts";
import { FORCED_UID, ORIGIN } from "#operator/names.ts";
import { type World, forever } from "../support/world.ts";

export const app = { name: "app", image: "app" };
const call = { signal: forever };

export function reservedOf(pod: Pod): readonly (string | undefined)[] {
  return pod.spec?.initContainers?.slice(0, 2).map(({ name }) => name) ?? [];
}

export async function refusal(ask: () => Promise<unknown>): Promise<KubeError> {
  try {
    await ask();
  } catch (error) {
    if (error instanceof KubeError) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: "it was not refused" });
}

export function podCases(world: () => World): void {
  test("a bare pod comes out with the gateway in it, says who made it, and passes its check when read back", async () => {
    const { kube, enforced, settings } = world();
    const namespace = await enforced();
    const made = await kube.create(
      PODS,
      { metadata: { name: "agent", namespace }, spec: { containers: [app] } },
      call,
    );
    assert.deepEqual(reservedOf(made), ["gw-init", "gw"]);
    assert.equal(made.metadata.annotations?.[ORIGIN.user], "administrator");
    assert.equal(made.metadata.annotations?.[ORIGIN.groups], "system:masters\nsystem:authenticated");
    assert.equal(made.spec?.containers[0]?.securityContext?.runAsUser, FORCED_UID);
    const facts = { namespace, rootless: "force", mayWriteOurKinds: false } as const;
    assert.deepEqual(check(made as unknown as V1Pod, facts, settings.injection), []);
  });

  test("a pod of a namespace without the label is left alone", async () => {
    const { kube, api } = world();
    const namespace = await api.namespace();
    const made = await kube.create(
      PODS,
      { metadata: { name: "agent", namespace }, spec: { containers: [app] } },
      call,
    );
    assert.equal(made.spec?.initContainers, undefined);
  });

  test("the first pod of a namespace that was made this moment is judged by its labels", async () => {
    const { kube, enforced } = world();
    for (const [rootless, user] of [
      ["force", FORCED_UID],
      ["rootNoCaps", 0],
    ] as const) {
      const namespace = await enforced({ "sallyport.dev/rootless": rootless });
      const made = await kube.create(
        PODS,
        { metadata: { name: "a", namespace }, spec: { containers: [app] } },
        call,
      );
      assert.equal(made.spec?.containers[0]?.securityContext?.runAsUser, user);
    }
    for (const rootless of ["deny", "Force"]) {
      const namespace = await enforced({ "sallyport.dev/rootless": rootless });
      const { message } = await refusal(() =>
        kube.create(PODS, { metadata: { name: "a", namespace }, spec: { containers: [app] } }, call),
      );
      assert.match(message, /runAsUser/);
    }
  });

  test("a dry run shows the injected pod and leaves nothing", async () => {
    const { kube, enforced } = world();
    const namespace = await enforced();
    const object = { metadata: { name: "agent", namespace }, spec: { containers: [app] } };
    const shown = await kube.create(PODS, object, { ...call, dryRun: true });
    assert.deepEqual(reservedOf(shown), ["gw-init", "gw"]);
    assert.equal(await kube.get(PODS, `${namespace}/agent`, call), undefined);
    const { message } = await refusal(() =>
      kube.create(
        PODS,
        { ...object, spec: { ...object.spec, hostNetwork: true } },
        { ...call, dryRun: true },
      ),
    );
    assert.match(message, /hostNetwork/);
  });

  test("names that the API server makes are no obstacle", async () => {
    const { kube, enforced } = world();
    const namespace = await enforced();
    const metadata = { generateName: "agent-", namespace } as unknown as Pod["metadata"];
    const [one, other] = await Promise.all(
      [1, 2].map(() => kube.create(PODS, { metadata, spec: { containers: [app] } }, call)),
    );
    assert.match(one?.metadata.name ?? "", /^agent-.+/);
    assert.notEqual(one?.metadata.name, other?.metadata.name);
    for (const pod of [one, other])
      assert.deepEqual(pod === undefined ? [] : reservedOf(pod), ["gw-init", "gw"]);
    // The uid of the gateway is drawn anew for each.
    const uids = [one, other].map((pod) => pod?.spec?.initContainers?.[1]?.securityContext?.runAsUser);
    assert.notEqual(uids[0], uids[1]);
  });

  test("kubectl tells a person every field that stands in the way, with the fix, and a program each by itself", async () => {
    const { api, enforced } = world();
    const namespace = await enforced();
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "agent", namespace },
      spec: { hostNetwork: true, containers: [{ ...app, securityContext: { privileged: true } }] },
    };
    const stdin = JSON.stringify(pod);
    const { code, stderr } = await api.kubectl(["create", "-f", "-"], { stdin });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /Error from server \(Forbidden\).*admission webhook "pods\.mutate\.sallyport\.dev" denied/,
    );
    assert.match(stderr, /^- spec\.hostNetwork: .+ Fix: .+$/m);
    assert.match(stderr, /^- spec\.containers\[0\]\.securityContext\.privileged: .+ Fix: .+$/m);
    const raw = await api.kubectl(["create", "-f", "-", "-v=8"], { stdin });
    assert.match(raw.stderr, /"causes":\s*\[|causes/);
  });

  test("kubectl warns whoever does not say a user that one was chosen", async () => {
    const { api, enforced } = world();
    const namespace = await enforced();
    const stdin = JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "agent", namespace },
      spec: { containers: [app] },
    });
    const { stderr } = await api.kubectl(["create", "-f", "-"], { stdin });
    assert.match(stderr, /Warning: container app says no user: it runs as uid 65534/);
  });

  test("a namespace whose Pod Security level cannot take the gateway says so, and which command helps", async () => {
    const { kube, api, enforced } = world();
    for (const level of ["baseline", "restricted"]) {
      const namespace = await enforced({ "pod-security.kubernetes.io/enforce": level });
      const object = { metadata: { name: "agent", namespace }, spec: { containers: [app] } };
      const { message } = await refusal(() => kube.create(PODS, object, call));
      assert.match(message, new RegExp(`Pod Security level ${level}.*gw-init`, "s"));
      const [command] = /kubectl label [^(]+/.exec(message) ?? [];
      const { code } = await api.kubectl((command ?? "").trim().split(" ").slice(1));
      assert.equal(code, 0);
      // What the operator has read of the namespace follows within a moment.
      const seen = async () => (await kube.create(PODS, object, call)).metadata.name;
      assert.equal(await retrying(seen), "agent");
    }
  });

  test("a service account that may write our kinds runs no agent", async () => {
    const { kube, api, enforced } = world();
    const namespace = await enforced();
    const { code } = await api.kubectl([
      "create",
      "rolebinding",
      "writer",
      "-n",
      namespace,
      "--clusterrole=cluster-admin",
      `--serviceaccount=${namespace}:default`,
    ]);
    assert.equal(code, 0);
    const { message } = await refusal(() =>
      kube.create(PODS, { metadata: { name: "agent", namespace }, spec: { containers: [app] } }, call),
    );
    assert.match(message, /serviceAccountName/);
  });

  test("a pod as large as pods can be is injected in time", async () => {
    const { kube, enforced } = world();
    const namespace = await enforced();
    const env = Array.from({ length: 20_000 }, (_, at) => ({
      name: `VARIABLE_${at}`,
      value: "x".repeat(20),
    }));
    const containers = Array.from({ length: 20 }, (_, at) => ({
      ...app,
      name: `app-${at}`,
      env: env.slice(at * 900, at * 900 + 900),
    }));
    const made = await kube.create(
      PODS,
      { metadata: { name: "agent", namespace }, spec: { containers } },
      call,
    );
    assert.deepEqual(reservedOf(made), ["gw-init", "gw"]);
    assert.equal(made.spec?.containers.length, 20);
  });

  test("a label that is taken from the namespace in between is the API server's to judge, not ours", async () => {
    const { kube, enforced } = world();
    const namespace = await enforced();
    await kube.patch(
      NAMESPACES,
      namespace,
      [{ op: "remove", path: "/metadata/labels/sallyport.dev~1enforce" }],
      call,
    );
    const seen = async () =>
      (
        await kube.create(
          PODS,
          { metadata: { name: "agent", namespace }, spec: { containers: [app] } },
          { ...call, dryRun: true },
        )
      ).spec?.initContainers === undefined
        ? true
        : undefined;
    assert.ok(await retrying(seen));
  });

  test("what was injected stays, whoever asks: image, names, annotations", async () => {
    const { kube, enforced, api } = world();
    const namespace = await enforced();
    await kube.create(PODS, { metadata: { name: "agent", namespace }, spec: { containers: [app] } }, call);
    const as = openKube(api.as("editor", { groups: ["system:masters"] }));
    using _as = as;
    const key = `${namespace}/agent`;
    for (const operation of [
      { op: "replace", path: "/spec/initContainers/1/image", value: "evil" },
      { op: "replace", path: "/metadata/annotations/sallyport.dev~1origin-user", value: "somebody" },
      { op: "remove", path: "/metadata/annotations/sallyport.dev~1origin-user" },
    ] as const) {
      const { message } = await refusal(() => as.patch(PODS, key, [operation], call));
      assert.match(message, /pods\.validate\.sallyport\.dev.*does not change/s);
    }
    const changed = await as.patch(
      PODS,
      key,
      [{ op: "replace", path: "/spec/containers/0/image", value: "app:2" }],
      call,
    );
    assert.equal(changed.spec?.containers[0]?.image, "app:2");
  });
}

/** What follows a change within a moment, as watches do. */
async function retrying<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const endMs = Date.now() + 30_000;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
      throw new Error("not yet");
    } catch (error) {
      if (Date.now() > endMs) throw error;
    }
    await new Promise((resume) => setTimeout(resume, 25));
  }
}
