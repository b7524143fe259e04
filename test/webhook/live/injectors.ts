/** Others change pods too: before us, after us, and against us. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1Container, V1Pod } from "@kubernetes/client-node";
import { PODS, type Pod } from "#operator/kube/resource.ts";
import { openInjector } from "../support/injector.ts";
import { type World, forever, until } from "../support/world.ts";
import { app, refusal } from "./pods.ts";

const call = { signal: forever };

type PodSpec = NonNullable<V1Pod["spec"]>;
const withSpec = (pod: V1Pod, change: (spec: PodSpec) => Partial<PodSpec>): V1Pod => {
  const spec = pod.spec ?? { containers: [] };
  return { ...pod, spec: { ...spec, ...change(spec) } };
};
const hasContainer = (list: readonly V1Container[] | undefined, name: string): boolean =>
  (list ?? []).some((container) => container.name === name);

/** As service meshes do it: first of all, once. */
const meshLike = (pod: V1Pod): V1Pod =>
  hasContainer(pod.spec?.initContainers, "mesh")
    ? pod
    : withSpec(pod, ({ initContainers = [] }) => ({
        initContainers: [{ name: "mesh", image: "mesh", restartPolicy: "Always" }, ...initContainers],
      }));
/** As agents of secret stores and of telemetry do it. */
const sidecarLike = (pod: V1Pod): V1Pod =>
  hasContainer(pod.spec?.containers, "telemetry")
    ? pod
    : withSpec(pod, ({ containers }) => ({
        containers: [
          ...containers.map((each) => ({
            ...each,
            env: [...(each.env ?? []), { name: "OTEL", value: "on" }],
          })),
          { name: "telemetry", image: "telemetry" },
        ],
      }));

export function injectorCases(world: () => World): void {
  const create = (namespace: string): Promise<Pod> =>
    world().kube.create(
      PODS,
      { metadata: { generateName: "agent-", namespace } as never, spec: { containers: [app] } },
      call,
    );
  const names = (list: readonly { readonly name: string }[] | undefined): readonly string[] =>
    (list ?? []).map(({ name }) => name);
  /** Registered webhooks are in force within a moment. */
  const settled = (namespace: string, isSo: (pod: Pod) => boolean): Promise<Pod> =>
    until("the injectors are asked", async () => {
      const pod = await create(namespace);
      return isSo(pod) ? pod : undefined;
    });

  test("what injectors before and after us add is behind the gateway, and held to the rules of all containers", async () => {
    const namespace = await world().enforced();
    await using before = await openInjector(world(), "aaa-before", namespace, sidecarLike);
    await using behind = await openInjector(world(), "zzz-behind", namespace, meshLike);
    const pod = await settled(
      namespace,
      ({ spec }) =>
        names(spec?.initContainers).includes("mesh") && names(spec?.containers).includes("telemetry"),
    );
    assert.deepEqual(names(pod.spec?.initContainers), ["gw-init", "gw", "mesh"]);
    assert.deepEqual(names(pod.spec?.containers), ["app", "telemetry"]);
    for (const container of [
      ...(pod.spec?.containers ?? []),
      ...(pod.spec?.initContainers?.slice(2) ?? []),
    ]) {
      assert.deepEqual(container.securityContext?.capabilities?.drop, ["ALL"], container.name);
      assert.equal(container.securityContext?.allowPrivilegeEscalation, false);
    }
    assert.equal(pod.spec?.automountServiceAccountToken, false);
    assert.ok(before.calls() > 0 && behind.calls() > 0);
  });

  test("an injector that takes the gateway out, or puts itself before it, gets no pod through", async () => {
    for (const [name, change] of [
      [
        "zzz-strips",
        (pod: V1Pod) =>
          withSpec(pod, ({ initContainers = [] }) => ({
            initContainers: initContainers.filter(({ name }) => name !== "gw-init"),
          })),
      ],
      [
        "zzz-swaps",
        (pod: V1Pod) =>
          withSpec(pod, ({ initContainers = [] }) => ({
            initContainers: initContainers.map((each) =>
              each.name === "gw" ? { ...each, image: "evil" } : each,
            ),
          })),
      ],
      [
        "zzz-first",
        (pod: V1Pod) =>
          withSpec(pod, ({ initContainers = [] }) => ({
            initContainers: [
              { name: "early", image: "early" },
              ...initContainers.filter(({ name }) => name !== "early"),
            ],
          })),
      ],
      [
        "zzz-token",
        (pod: V1Pod) =>
          withSpec(pod, ({ containers }) => ({
            containers: containers.map((each) => ({
              ...each,
              volumeMounts: [{ name: "gw-token", mountPath: "/stolen" }],
            })),
          })),
      ],
    ] as const) {
      const namespace = await world().enforced();
      await using injector = await openInjector(world(), name, namespace, change);
      const { message } = await until(`${name} is asked`, async () => {
        const calls = injector.calls();
        const made = await create(namespace).catch((error: unknown) => error as Error);
        if (injector.calls() === calls) return undefined;
        assert.ok(made instanceof Error, `${name} got a pod through`);
        return made;
      });
      assert.match(message, /sallyport\.dev" denied/, name);
    }
  });

  test("an injector whose container asks for what no agent may have is named by its container", async () => {
    const namespace = await world().enforced();
    const change = (pod: V1Pod): V1Pod =>
      withSpec(pod, ({ containers }) => ({
        containers: [
          ...containers.filter(({ name }) => name !== "node-agent"),
          { name: "node-agent", image: "x", securityContext: { privileged: true } },
        ],
      }));
    await using injector = await openInjector(world(), "zzz-privileged", namespace, change);
    const error = await until("the injector is asked", async () => {
      const calls = injector.calls();
      const made = await create(namespace).catch((failure: unknown) => failure as Error);
      return injector.calls() > calls && made instanceof Error ? made : undefined;
    });
    assert.match(error.message, /spec\.containers\[1\]\.securityContext\.privileged/);
    // The attack works where nobody looks: an unlabelled namespace.
    assert.ok(await refusal(() => create(namespace)));
  });
}
