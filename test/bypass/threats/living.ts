/** T12, T13, T34, T35: a pod that was admitted is changed, debugged or entered. */
import type { CoreV1Api, V1EphemeralContainer, V1Pod } from "@kubernetes/client-node";
import { FORCED_UID, ORIGIN } from "#operator/names.ts";
import { MERGE, STRATEGIC } from "#test/chart/support/verdicts.ts";
import type { Attack, Threat } from "../support/attack.ts";
import { gatewayUidOf, reaches, type Stage, victim, whereIs } from "../support/stage.ts";

type Debug = (pod: V1Pod) => Partial<V1EphemeralContainer>;

const HELD = {
  runAsUser: FORCED_UID,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};

async function debug(stage: Stage, container: Debug): Promise<V1EphemeralContainer | undefined> {
  const pod = await victim(stage);
  const body = { spec: { ephemeralContainers: [{ name: "debug", image: "app", ...container(pod) }] } };
  const answer = await stage.attacker.patchNamespacedPodEphemeralcontainers(
    { ...whereIs(pod), body, dryRun: "All" },
    STRATEGIC,
  );
  return answer.spec?.ephemeralContainers?.[0];
}

const debugAttack = (name: string, container: Debug, refusal: RegExp): Attack => ({
  name,
  attempt: async (stage) => (await debug(stage, container)) !== undefined,
  refusal,
  twin: (stage) => debug(stage, () => ({})),
});

const EPHEMERAL = /spec\.ephemeralContainers\[0\].*Fix: /s;

export const EPHEMERAL_CONTAINERS: Threat = {
  id: "T12",
  title: "kubectl debug: an ephemeral container with rights of its own",
  attacks: [
    debugAttack(
      "as kubectl debug --profile=sysadmin",
      () => ({ securityContext: { privileged: true } }),
      /privileged.*Fix: /s,
    ),
    debugAttack(
      "as kubectl debug --profile=netadmin",
      () => ({ securityContext: { capabilities: { add: ["NET_ADMIN", "NET_RAW"] } } }),
      /NET_ADMIN.*Fix: /s,
    ),
    debugAttack(
      "as kubectl debug --profile=general",
      () => ({ securityContext: { capabilities: { add: ["SYS_PTRACE"] } } }),
      /SYS_PTRACE.*Fix: /s,
    ),
    debugAttack("as kubectl debug --target=gw", () => ({ targetContainerName: "gw" }), EPHEMERAL),
    debugAttack("as kubectl debug --target=gw-init", () => ({ targetContainerName: "gw-init" }), EPHEMERAL),
    debugAttack(
      "as the gateway's user",
      (pod) => ({ securityContext: { ...HELD, runAsUser: gatewayUidOf(pod) } }),
      EPHEMERAL,
    ),
    debugAttack("as root", () => ({ securityContext: { ...HELD, runAsUser: 0 } }), EPHEMERAL),
    debugAttack(
      "with the gateway's token",
      () => ({ volumeMounts: [{ name: "gw-token", mountPath: "/t" }] }),
      EPHEMERAL,
    ),
    {
      name: "with what a runtime gives a container that says nothing",
      attempt: async (stage) => {
        const context = (await debug(stage, () => ({})))?.securityContext;
        return context?.capabilities?.drop?.includes("ALL") !== true || context.runAsUser === undefined;
      },
    },
    {
      name: "before capture is in force",
      attempt: async (stage) => {
        const pod = await victim(stage);
        const running = { name: "gw-init", ready: false, restartCount: 0, image: "", imageID: "", state: {} };
        await stage.administrator.patchNamespacedPodStatus(
          { ...whereIs(pod), body: { status: { initContainerStatuses: [running] } } },
          MERGE,
        );
        await stage.attacker.patchNamespacedPodEphemeralcontainers(
          {
            ...whereIs(pod),
            body: { spec: { ephemeralContainers: [{ name: "debug", image: "app" }] } },
            dryRun: "All",
          },
          STRATEGIC,
        );
        return true;
      },
      refusal: /not captured yet.*Fix: /s,
      twin: (stage) => debug(stage, () => ({})),
    },
  ],
};

type Way = (core: CoreV1Api, pod: V1Pod) => Promise<unknown>;

const entry = (name: string, container: string, way: (container: string) => Way): Attack => ({
  name,
  attempt: async (stage) => {
    const pod = await victim(stage);
    return reaches(() => way(container)(stage.attacker, pod));
  },
  refusal: /container: .*Fix: /,
  twin: async (stage) => {
    const pod = await victim(stage);
    return reaches(() => way("app")(stage.attacker, pod));
  },
});

const exec =
  (container: string): Way =>
  (core, pod) =>
    core.connectPostNamespacedPodExec({ ...whereIs(pod), container, command: "id" });
const execByGet =
  (container: string): Way =>
  (core, pod) =>
    core.connectGetNamespacedPodExec({ ...whereIs(pod), container, command: "tar" });
const attach =
  (container: string): Way =>
  (core, pod) =>
    core.connectPostNamespacedPodAttach({ ...whereIs(pod), container });

export const EXEC: Threat = {
  id: "T13",
  title: "kubectl exec, attach or cp into the gateway",
  attacks: [
    entry("a command in gw", "gw", exec),
    entry("a command in gw-init", "gw-init", exec),
    entry("a command in gw over a websocket, as kubectl cp does", "gw", execByGet),
    entry("attached to gw", "gw", attach),
  ],
};

const merging = (name: string, body: object, refusal: RegExp): Attack => ({
  name,
  attempt: async (stage) => {
    await stage.attacker.patchNamespacedPod({ ...whereIs(await victim(stage)), body }, MERGE);
    return true;
  },
  refusal,
  twin: async (stage) =>
    stage.attacker.patchNamespacedPod(
      { ...whereIs(await victim(stage)), body: { metadata: { labels: { team: "shop" } } } },
      MERGE,
    ),
});

const RESERVED = /(?:metadata\.(?:labels|annotations)|sallyport\.dev).*(?:Fix: |unenforce)/s;

function labelling(name: string, labels: Readonly<Record<string, string | null>>): Attack {
  return {
    name,
    attempt: async (stage) => {
      await stage.attacker.patchNamespace(
        { name: await stage.enforced(), body: { metadata: { labels } } },
        MERGE,
      );
      return true;
    },
    refusal: /metadata\.labels: .*Fix: /,
    twin: async (stage) =>
      stage.attacker.patchNamespace(
        { name: await stage.enforced(), body: { metadata: { labels: { team: "shop" } } } },
        MERGE,
      ),
  };
}

export const METADATA: Threat = {
  id: "T34",
  title: "labels, annotations and owners are changed later",
  attacks: [
    labelling("the namespace's label removed", { "sallyport.dev/enforce": null }),
    labelling("the namespace's label given another value", { "sallyport.dev/enforce": "false" }),
    labelling("the namespace loosened", { "sallyport.dev/rootless": "rootNoCaps" }),
    {
      name: "the namespace's label removed by way of its status",
      attempt: async (stage) => {
        const name = await stage.enforced();
        const body = { metadata: { labels: { "sallyport.dev/enforce": null } } };
        await stage.attacker.patchNamespaceStatus({ name, body }, MERGE);
        return true;
      },
      refusal: /metadata\.labels: .*Fix: /,
    },
    {
      name: "the namespace replaced by one without its labels",
      attempt: async (stage) => {
        const name = await stage.enforced();
        await stage.attacker.replaceNamespace({ name, body: { metadata: { name } } });
        return true;
      },
      refusal: /metadata\.labels: .*Fix: /,
    },
    merging(
      "somebody else is said to have made the pod",
      { metadata: { annotations: { [ORIGIN.user]: "administrator-of-all" } } },
      RESERVED,
    ),
    merging(
      "nobody is said to have made it",
      { metadata: { annotations: { [ORIGIN.user]: null } } },
      RESERVED,
    ),
    merging(
      "a label of ours is added",
      { metadata: { labels: { "sallyport.dev/trusted": "yes" } } },
      RESERVED,
    ),
    {
      name: "somebody else is said to have made the pod, by way of its status",
      attempt: async (stage) => {
        const body = { metadata: { annotations: { [ORIGIN.user]: "somebody" } } };
        await stage.attacker.patchNamespacedPodStatus({ ...whereIs(await victim(stage)), body }, MERGE);
        return true;
      },
      refusal: RESERVED,
    },
    {
      name: "somebody else is said to have made the pod, by whoever binds it to a node",
      attempt: async (stage) => {
        const where = whereIs(await victim(stage));
        await stage.attacker.createNamespacedPodBinding({
          ...where,
          body: {
            metadata: { ...where, annotations: { [ORIGIN.user]: "somebody" } },
            target: { kind: "Node", name: "node-1" },
          },
        });
        const { metadata } = await stage.administrator.readNamespacedPod(where);
        return metadata?.annotations?.[ORIGIN.user] === "somebody";
      },
      refusal: RESERVED,
      twin: async (stage) => {
        const where = whereIs(await victim(stage));
        return stage.attacker.createNamespacedPodBinding({
          ...where,
          body: {
            metadata: { ...where, annotations: { note: "x" } },
            target: { kind: "Node", name: "node-1" },
          },
        });
      },
    },
    {
      name: "the same through the older resource",
      attempt: async (stage) => {
        const where = whereIs(await victim(stage));
        await stage.attacker.createNamespacedBinding({
          namespace: where.namespace,
          body: {
            metadata: { ...where, annotations: { [ORIGIN.podUid]: "0000" } },
            target: { kind: "Node", name: "node-1" },
          },
        });
        const { metadata } = await stage.administrator.readNamespacedPod(where);
        return metadata?.annotations?.[ORIGIN.podUid] === "0000";
      },
      refusal: RESERVED,
    },
    {
      name: "an origin forged while the namespace has no label yet",
      attempt: async (stage) => {
        const namespace = await stage.unlabelled();
        const annotations = { [ORIGIN.user]: "somebody", [ORIGIN.podUid]: "0000" };
        const pod = await stage.attacker.createNamespacedPod({
          namespace,
          body: {
            metadata: { name: "forged", annotations },
            spec: { containers: [{ name: "app", image: "app" }] },
          },
        });
        const body = { metadata: { labels: { "sallyport.dev/enforce": "" } } };
        await stage.attacker.patchNamespace({ name: namespace, body }, MERGE);
        return pod.metadata?.annotations?.[ORIGIN.user] === "somebody";
      },
      refusal: RESERVED,
      twin: async (stage) =>
        stage.attacker.createNamespacedPod({
          namespace: await stage.unlabelled(),
          body: {
            metadata: { name: "honest", annotations: { note: "x" } },
            spec: { containers: [{ name: "app", image: "app" }] },
          },
        }),
    },
  ],
};

const imageAttack = (name: string): Attack => ({
  name: `another image for ${name}`,
  attempt: async (stage) => {
    const body = { spec: { initContainers: [{ name, image: "evil" }] } };
    await stage.attacker.patchNamespacedPod({ ...whereIs(await victim(stage)), body }, STRATEGIC);
    return true;
  },
  refusal: /spec\.initContainers.*Fix: /s,
  twin: async (stage) => {
    const body = { spec: { containers: [{ name: "app", image: "app:2" }] } };
    return stage.attacker.patchNamespacedPod({ ...whereIs(await victim(stage)), body }, STRATEGIC);
  },
});

export const CHANGES: Threat = {
  id: "T35",
  title: "the gateway of a living pod is swapped or starved",
  attacks: [
    imageAttack("gw"),
    imageAttack("gw-init"),
    {
      name: "the gateway starved",
      attempt: async (stage) => {
        const resources = { requests: { cpu: "1m", memory: "96Mi" }, limits: { memory: "256Mi" } };
        const body = { spec: { initContainers: [{ name: "gw", resources }] } };
        await stage.attacker.patchNamespacedPodResize({ ...whereIs(await victim(stage)), body }, STRATEGIC);
        return true;
      },
      refusal: /spec\.initContainers.*Fix: /s,
      twin: async (stage) => {
        const resources = { requests: { cpu: "200m", memory: "64Mi" } };
        const body = { spec: { containers: [{ name: "app", resources }] } };
        return stage.attacker.patchNamespacedPodResize({ ...whereIs(await victim(stage)), body }, STRATEGIC);
      },
    },
    merging(
      "a device for the gateway by a runtime's annotation",
      { metadata: { annotations: { "devices.nri.io/container.gw": "[{path: /dev/mem}]" } } },
      /Fix: /,
    ),
  ],
};
