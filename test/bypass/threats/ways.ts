/** More of T9: the same bare pod, brought in by every other way that the API has. */
import {
  AppsV1Api,
  BatchV1Api,
  CoreV1Api,
  type V1Pod,
  type V1PodTemplateSpec,
} from "@kubernetes/client-node";
import { openKube } from "#operator/kube/client.ts";
import { PODS } from "#operator/kube/resource.ts";
import { ORIGIN } from "#operator/names.ts";
import { MERGE } from "#test/chart/support/verdicts.ts";
import { type Attack, Refused } from "../support/attack.ts";
import { create, isTrusted, type Stage, victim, whereIs } from "../support/stage.ts";

const SPEC = { containers: [{ name: "app", image: "app" }] };
const bare = (metadata: V1Pod["metadata"] = { name: "bare" }): V1Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: metadata ?? {},
  spec: SPEC,
});

/** Whether the pod came in without a gateway. */
const bringing = (name: string, bring: (stage: Stage) => Promise<V1Pod>, refusal?: RegExp): Attack => ({
  name,
  attempt: async (stage) => !isTrusted(stage, await bring(stage)),
  ...(refusal === undefined ? {} : { refusal }),
});

const kubectl =
  (words: readonly string[], pod: V1Pod) =>
  async (stage: Stage): Promise<V1Pod> => {
    const { api, namespace } = stage;
    const as = { user: "mallory", groups: ["attackers"] };
    const { code, stdout, stderr } = await api.kubectl([...words, "--namespace", namespace, "-o", "json"], {
      as,
      stdin: JSON.stringify(pod),
    });
    if (code !== 0) throw new Refused(stderr);
    return JSON.parse(stdout) as V1Pod;
  };

/** Without a webhook the copy has its gateway too, and what is put beside it is not held to anything. */
const copied =
  (profile: string) =>
  async (stage: Stage): Promise<V1Pod> => {
    const { namespace, name } = whereIs(await victim(stage));
    const copy = `${name}-copy`;
    const flags = ["--image=app", "--container=extra", "--attach=false", `--profile=${profile}`];
    const words = ["debug", name, `--copy-to=${copy}`, ...flags, "--namespace", namespace];
    const { code, stderr } = await stage.api.kubectl(words, {
      as: { user: "mallory", groups: ["attackers"] },
    });
    if (code !== 0) throw new Refused(stderr);
    return stage.administrator.readNamespacedPod({ namespace, name: copy });
  };

const OWNER = {
  apiVersion: "apps/v1",
  kind: "ReplicaSet",
  name: "web",
  uid: "6f0e2a4e-0000-4000-8000-000000000000",
  controller: true,
  blockOwnerDeletion: false,
};

export const WAYS: readonly Attack[] = [
  bringing("a name that the API server makes", (stage) =>
    create(stage, bare({ generateName: "bare-" }), stage.namespace, undefined),
  ),
  bringing("a dry run", (stage) => create(stage, bare(), stage.namespace)),
  bringing("server-side apply", kubectl(["apply", "--server-side", "-f", "-"], bare({ name: "applied" }))),
  bringing("client-side apply", kubectl(["apply", "-f", "-"], bare({ name: "applied-here" }))),
  bringing(
    "kubectl create without validation",
    kubectl(["create", "--validate=false", "-f", "-"], bare({ name: "raw" })),
  ),
  bringing("kubectl run", kubectl(["run", "ran", "--image=app", "--restart=Never"], bare())),
  bringing("kubectl debug --copy-to", copied("general"), /SYS_PTRACE.*Fix: /s),
  bringing("kubectl debug --copy-to, held to what is restricted", copied("restricted")),
  bringing("an owner that is a controller", (stage) =>
    create(stage, bare({ name: "owned", ownerReferences: [OWNER] }), stage.namespace),
  ),
  bringing("a finalizer that keeps it", (stage) =>
    create(stage, bare({ name: "kept", finalizers: ["example.com/keep"] }), stage.namespace),
  ),
  bringing("the service account of a controller of the cluster", async (stage) => {
    const core = stage
      .as("system:serviceaccount:kube-system:replicaset-controller", ["attackers", "system:serviceaccounts"])
      .makeApiClient(CoreV1Api);
    return create({ ...stage, attacker: core }, bare(), stage.namespace);
  }),
  bringing("the administrator", async (stage) =>
    create({ ...stage, attacker: stage.administrator }, bare(), stage.namespace),
  ),
  bringing("somebody with the name of a node, who is none", async (stage) => {
    const core = stage.as("system:node:node-1").makeApiClient(CoreV1Api);
    return create({ ...stage, attacker: core }, bare(), stage.namespace);
  }),
  bringing("somebody with the group of nodes, who is none", async (stage) => {
    const core = stage.as("mallory", ["attackers", "system:nodes"]).makeApiClient(CoreV1Api);
    return create({ ...stage, attacker: core }, bare(), stage.namespace);
  }),
  bringing("a node of the attacker's choice", (stage) =>
    create(stage, { ...bare(), spec: { ...SPEC, nodeName: "node-1" } }, stage.namespace),
  ),
  bringing("a gate, to be opened later", (stage) =>
    create(
      stage,
      { ...bare(), spec: { ...SPEC, schedulingGates: [{ name: "example.com/later" }] } },
      stage.namespace,
    ),
  ),
  bringing("a user namespace of its own", (stage) =>
    create(stage, { ...bare(), spec: { ...SPEC, hostUsers: false } }, stage.namespace),
  ),
  bringing("a second key of the same name in the request", async (stage) => {
    const text = JSON.stringify({ ...bare(), spec: { ...SPEC, hostNetwork: false } });
    const doubled = text.replace('"hostNetwork":false', '"hostNetwork":true,"hostNetwork":false');
    return raw(stage, doubled);
  }),
  bringing("a label of the prototype's name", (stage) =>
    raw(
      stage,
      JSON.stringify(bare()).replace(
        '"name":"bare"',
        '"name":"bare","labels":{"constructor":"x","toString":"y"}',
      ),
    ),
  ),
  bringing("Deployments, by what their controller makes of them", async (stage) => {
    const { namespace } = stage;
    const template = await templateKept(stage);
    return create(stage, { ...template, metadata: { ...template.metadata, name: "made" } }, namespace);
  }),
  {
    name: "a Deployment whose pods are to have somebody else for their origin",
    attempt: async (stage) => {
      const kept = await templateKept(stage, { [ORIGIN.user]: "somebody" });
      return kept.metadata?.annotations?.[ORIGIN.user] === "somebody";
    },
    refusal: /spec\.template\.metadata.*Fix: /s,
    twin: (stage) => templateKept(stage, { "example.com/team": "shop" }),
  },
  {
    name: "a Job whose origin is somebody else",
    attempt: async (stage) => {
      const { namespace } = stage;
      const made = await stage
        .as("mallory")
        .makeApiClient(BatchV1Api)
        .createNamespacedJob({
          namespace,
          body: {
            metadata: { generateName: "job-", annotations: { [ORIGIN.user]: "somebody" } },
            spec: { template: { spec: { ...SPEC, restartPolicy: "Never" } } },
          },
        });
      return made.metadata?.annotations?.[ORIGIN.user] === "somebody";
    },
  },
  {
    name: "a Deployment whose origin is changed by way of its status",
    attempt: async (stage) => {
      const { namespace } = stage;
      const apps = stage.as("mallory").makeApiClient(AppsV1Api);
      const template = { metadata: { labels: { app: "s" } }, spec: SPEC };
      const made = await apps.createNamespacedDeployment({
        namespace,
        body: {
          metadata: { generateName: "status-" },
          spec: { selector: { matchLabels: { app: "s" } }, template },
        },
      });
      const changed = await apps.patchNamespacedDeploymentStatus(
        {
          namespace,
          name: made.metadata?.name ?? "",
          body: { metadata: { annotations: { [ORIGIN.user]: "somebody" } } },
        },
        MERGE,
      );
      return changed.metadata?.annotations?.[ORIGIN.user] === "somebody";
    },
    refusal: /sallyport\.dev.*Fix: /,
  },
  {
    name: "the gateway taken out of a living pod by a JSON patch",
    attempt: async (stage) => {
      const pod = await victim(stage);
      await using kube = openKube(stage.as("mallory"));
      const { namespace, name } = whereIs(pod);
      const path = "/spec/initContainers/0";
      await kube.patch(PODS, `${namespace}/${name}`, [{ op: "remove", path }], {
        signal: AbortSignal.timeout(30_000),
      });
      return true;
    },
    refusedAnyway: /pod updates may not|may not add or remove containers|Forbidden/,
  },
  {
    name: "a living pod replaced by one without a gateway",
    attempt: async (stage) => {
      const where = whereIs(await victim(stage));
      await stage.attacker.replaceNamespacedPod({ ...where, body: bare({ ...where }) });
      return true;
    },
    refusedAnyway: /may not add or remove containers|pod updates may not/,
  },
];

/** What the API server keeps of a Deployment's template. */
async function templateKept(
  { as, namespace }: Stage,
  annotations: Readonly<Record<string, string>> = {},
): Promise<V1PodTemplateSpec> {
  const template = { metadata: { labels: { app: "web" }, annotations }, spec: SPEC };
  const made = await as("mallory")
    .makeApiClient(AppsV1Api)
    .createNamespacedDeployment({
      namespace,
      body: {
        metadata: { generateName: "web-" },
        spec: { selector: { matchLabels: { app: "web" } }, template },
      },
    });
  return made.spec?.template ?? {};
}

/** As text, for what a client would never write. */
async function raw({ api, namespace }: Stage, body: string): Promise<V1Pod> {
  const words = ["create", "--raw", `/api/v1/namespaces/${namespace}/pods?dryRun=All`, "-f", "-"];
  const as = { user: "mallory", groups: ["attackers"] };
  const { code, stdout, stderr } = await api.kubectl(words, { as, stdin: body });
  if (code !== 0) throw new Refused(stderr);
  return JSON.parse(stdout) as V1Pod;
}
