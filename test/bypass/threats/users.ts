/** T1–T4: becoming the gateway's user, whose traffic is not captured. */
import type { V1Pod } from "@kubernetes/client-node";
import { GATEWAY_UIDS } from "#operator/names.ts";
import { agentPod, factsOf, GATEWAY_UID } from "#test/chart/support/agents.ts";
import type { Threat } from "../support/attack.ts";
import { podAttack } from "../support/pods.ts";
import { create, gatewayUidOf, type Stage } from "../support/stage.ts";

type Container = NonNullable<V1Pod["spec"]>["containers"][number];

const appOf = (pod: V1Pod): Container | undefined => pod.spec?.containers.find(({ name }) => name === "app");
const userOf = (pod: V1Pod): number | undefined =>
  appOf(pod)?.securityContext?.runAsUser ?? pod.spec?.securityContext?.runAsUser;
const secured = (context: string): string =>
  `spec: { containers: [{ name: app, image: app, securityContext: ${context} }] }`;

export const SAME_USER: Threat = {
  id: "T1",
  title: "a container runs as the gateway's user",
  attacks: [
    {
      name: "a gateway of the attacker's own writing, with the agent as its user",
      attempt: async (stage) => {
        const pod = await create(stage, asOneUser(stage), stage.namespace);
        return userOf(pod) === gatewayUidOf(pod);
      },
    },
    podAttack({
      name: "the user of gw-init, for the pod",
      pod: "spec: { securityContext: { runAsUser: 65533 } }",
      refusal: /spec\.securityContext\.runAsUser: .*Fix: /,
      harmless: "spec: { securityContext: { runAsUser: 65534 } }",
    }),
    podAttack({
      name: "the user of gw-init, for an init container",
      pod: "spec: { initContainers: [{ name: first, image: app, securityContext: { runAsUser: 65533 } }] }",
      refusal: /spec\.initContainers\[\d\]\.securityContext\.runAsUser: .*Fix: /,
      harmless:
        "spec: { initContainers: [{ name: first, image: app, securityContext: { runAsUser: 65532 } }] }",
    }),
    podAttack({
      name: "every group that a gateway may have",
      pod: `spec: { securityContext: { supplementalGroups: [${groups()}] } }`,
      refusal: /supplementalGroups.*Fix: /,
      harmless: "spec: { securityContext: { supplementalGroups: [2000] } }",
    }),
  ],
};

function groups(): string {
  const { first, last } = GATEWAY_UIDS;
  return Array.from({ length: last - first + 1 }, (_, index) => first + index).join(",");
}

function asOneUser({ injection, namespace }: Stage): V1Pod {
  const pod = agentPod(factsOf(namespace), injection, { metadata: { name: "double" } });
  const containers = (pod.spec?.containers ?? []).map((container) => ({
    ...container,
    securityContext: { ...container.securityContext, runAsUser: GATEWAY_UID },
  }));
  return { ...pod, spec: { ...pod.spec, containers } };
}

const isLeftToImage = (pod: V1Pod): boolean => userOf(pod) === undefined;

export const IMAGE_USER: Threat = {
  id: "T2",
  title: "the image's USER is the gateway's, and nobody sees it at admission",
  attacks: [
    podAttack({ name: "no user is said", pod: "spec: {}", hasWorked: isLeftToImage }),
    podAttack({
      name: "only that it is not root is said",
      pod: "spec: { securityContext: { runAsNonRoot: true } }",
      hasWorked: isLeftToImage,
    }),
    {
      name: "where the namespace wants it said, it is not",
      attempt: async (stage) => {
        const namespace = await stage.enforced({ "sallyport.dev/rootless": "deny" });
        return isLeftToImage(await create(stage, NAMELESS, namespace));
      },
      refusal: /spec\.containers\[0\]\.securityContext\.runAsUser: .*Fix: /,
      twin: async (stage) =>
        create(
          stage,
          {
            ...NAMELESS,
            spec: { containers: [{ name: "app", image: "app", securityContext: { runAsUser: 1_000 } }] },
          },
          await stage.enforced({ "sallyport.dev/rootless": "deny" }),
        ),
    },
  ],
};

const NAMELESS: V1Pod = { metadata: { name: "a" }, spec: { containers: [{ name: "app", image: "app" }] } };

export const SETUID_CAPABILITY: Threat = {
  id: "T3",
  title: "root with CAP_SETUID becomes the gateway's user",
  attacks: [
    podAttack({
      name: "root with what runtimes give it",
      pod: secured("{ runAsUser: 0 }"),
      refusal: /spec\.containers\[0\]\.securityContext\.runAsUser: is root.*Fix: /,
      harmless: secured("{ runAsUser: 1000 }"),
    }),
    podAttack({
      name: "CAP_SETUID is asked for",
      pod: secured("{ runAsUser: 1000, capabilities: { drop: [ALL], add: [SETUID] } }"),
      refusal: /capabilities\.add\[0\]: SETUID .*Fix: /,
      harmless: secured("{ runAsUser: 1000, capabilities: { drop: [ALL], add: [NET_BIND_SERVICE] } }"),
    }),
    {
      name: "root in a namespace that allows it keeps its capabilities",
      attempt: async (stage) => {
        const namespace = await stage.enforced({ "sallyport.dev/rootless": "rootNoCaps" });
        const pod = await create(stage, NAMELESS, namespace);
        return appOf(pod)?.securityContext?.capabilities?.drop?.includes("ALL") !== true;
      },
    },
  ],
};

export const SETUID_FILE: Threat = {
  id: "T4",
  title: "a set-user-id file of the image becomes the gateway's user",
  attacks: [
    podAttack({
      name: "escalation is allowed",
      pod: secured("{ allowPrivilegeEscalation: true }"),
      hasWorked: (pod) => appOf(pod)?.securityContext?.allowPrivilegeEscalation !== false,
    }),
    podAttack({
      name: "nothing is said of escalation",
      pod: "spec: {}",
      hasWorked: (pod) => appOf(pod)?.securityContext?.allowPrivilegeEscalation !== false,
    }),
  ],
};
