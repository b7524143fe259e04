/** T9–T11: talking the injector out of it, getting in front of it, and having another one undo it. */
import { openInjector } from "#test/webhook/support/injector.ts";
import { openKube } from "#operator/kube/client.ts";
import { OPT_OUTS } from "#test/pods/opt-outs.ts";
import type { V1Pod } from "@kubernetes/client-node";
import type { Attack, Threat } from "../support/attack.ts";
import { podAttack } from "../support/pods.ts";
import { create, isTrusted } from "../support/stage.ts";

/** What Kubernetes does not take from anyone, wherever it is. */
const REFUSED_ANYWAY: Readonly<Record<string, RegExp>> = {
  "the gateway's token, mounted": /volumeMounts\[\d\]\.name: Not found/,
  "the gateway's keys as a variable": /volumeName.* Not found|fileKeyRef/,
  "the claim to be static": /mirror pod/,
};

export const OPTING_OUT: Threat = {
  id: "T9",
  title: "a label, annotation, name or marker that opts out",
  attacks: OPT_OUTS.map(({ name, pod, outcome }, index) => {
    const refusedAnyway = REFUSED_ANYWAY[name];
    return podAttack({
      name,
      pod,
      ...(outcome === "refused" ? { refusal: /Fix: / } : {}),
      ...(refusedAnyway === undefined ? {} : { refusedAnyway }),
      // One is as good as another.
      ...(index === 0 ? { harmless: "metadata: { labels: { team: shop }, annotations: { note: x } }" } : {}),
    });
  }),
};

const isFirst = ({ spec }: V1Pod): boolean => {
  const [init, gateway] = spec?.initContainers ?? [];
  return init?.name !== "gw-init" || gateway?.name !== "gw";
};

export const FIRST: Threat = {
  id: "T10",
  title: "an init container runs before capture",
  attacks: [
    podAttack({
      name: "an init container of the author's",
      pod: "spec: { initContainers: [{ name: first, image: app }] }",
      hasWorked: isFirst,
    }),
    podAttack({
      name: "a native sidecar of the author's",
      pod: "spec: { initContainers: [{ name: first, image: app, restartPolicy: Always }] }",
      hasWorked: isFirst,
    }),
    podAttack({
      name: "the gateway written out, behind one's own",
      pod: `spec:
  initContainers:
    - { name: first, image: app }
    - { name: gw-init, image: sallyport/gw-init, args: ["--uid=10001"] }
    - { name: gw, image: sallyport/gateway, restartPolicy: Always, env: [{ name: GW_BROKER, value: x }] }`,
      hasWorked: isFirst,
    }),
  ],
};

const spec = (pod: V1Pod): NonNullable<V1Pod["spec"]> => pod.spec ?? { containers: [] };
const withSpec = (pod: V1Pod, change: Partial<NonNullable<V1Pod["spec"]>>): V1Pod => ({
  ...pod,
  spec: { ...spec(pod), ...change },
});

/** In every round it undoes what came before it. */
function injectorAttack(
  name: string,
  change: (pod: V1Pod) => V1Pod,
  outcome: Pick<Attack, "refusal"> = {},
): Attack {
  return {
    name,
    ...outcome,
    attempt: async (stage) => {
      const { api } = stage;
      const namespace = await stage.enforced();
      await using kube = openKube(api.config);
      await using _other = await openInjector({ api, kube }, `zz-${namespace}`, namespace, change);
      const pod = await create(stage, { metadata: { name: "a" }, spec: { containers: [APP] } }, namespace);
      return !isTrusted(stage, pod);
    },
  };
}

const APP = { name: "app", image: "app" };
const gone = new Set(["gw-init", "gw"]);
const CHANGED = { refusal: /Fix: /s };

export const OTHER_INJECTORS: Threat = {
  id: "T11",
  title: "another injector comes after us",
  attacks: [
    injectorAttack("it puts a container in front", (pod) => {
      const { initContainers = [] } = spec(pod);
      if (initContainers.some((each) => each.name === "mesh")) return pod;
      return withSpec(pod, { initContainers: [{ name: "mesh", image: "mesh" }, ...initContainers] });
    }),
    injectorAttack(
      "it adds a container with capabilities",
      (pod) => {
        if (spec(pod).containers.some(({ name }) => name === "mesh")) return pod;
        const context = { capabilities: { add: ["NET_ADMIN"] } };
        const mesh = { name: "mesh", image: "mesh", securityContext: context };
        return withSpec(pod, { containers: [...spec(pod).containers, mesh] });
      },
      { refusal: /NET_ADMIN.*Fix: /s },
    ),
    injectorAttack(
      "it takes the gateway out, every time",
      (pod) =>
        withSpec(pod, {
          initContainers: (spec(pod).initContainers ?? []).filter(({ name }) => !gone.has(name)),
        }),
      CHANGED,
    ),
    injectorAttack(
      "it puts another image into the gateway, every time",
      (pod) =>
        withSpec(pod, {
          initContainers: (spec(pod).initContainers ?? []).map((each) =>
            each.name === "gw" ? { ...each, image: "registry.example/rewritten/gateway" } : each,
          ),
        }),
      CHANGED,
    ),
    injectorAttack(
      "it puts one in front, every time",
      (pod) => {
        const others = (spec(pod).initContainers ?? []).filter(({ name }) => name !== "mesh");
        return withSpec(pod, { initContainers: [{ name: "mesh", image: "mesh" }, ...others] });
      },
      CHANGED,
    ),
  ],
};
