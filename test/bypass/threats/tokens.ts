/** T16, T17: tokens with the gateway's audience in the wrong hands. */
import { CoreV1Api, type KubeConfig } from "@kubernetes/client-node";
import { BROKER_AUDIENCE } from "#operator/names.ts";
import { type Attack, Refused, type Threat } from "../support/attack.ts";
import { podAttack } from "../support/pods.ts";
import { type Stage, victim, whereIs } from "../support/stage.ts";

const projected = (source: string): string =>
  `spec: { volumes: [{ name: mine, projected: { sources: [${source}] } }] }`;
const HARMLESS = projected("{ serviceAccountToken: { audience: vault.example, path: t } }");

export const VOLUMES: Threat = {
  id: "T16",
  title: "another container holds the gateway's token or keys",
  attacks: [
    podAttack({
      name: "a projected token with its audience",
      pod: projected("{ serviceAccountToken: { audience: sallyport.dev/broker, path: t } }"),
      refusal: /serviceAccountToken\.audience: .*Fix: /,
      harmless: HARMLESS,
    }),
    podAttack({
      name: "one of the API server",
      pod: projected("{ serviceAccountToken: { path: t } }"),
      refusal: /serviceAccountToken: .*Fix: /,
      harmless: HARMLESS,
    }),
    podAttack({
      name: "a certificate of its signer",
      pod: projected(
        "{ podCertificate: { signerName: sallyport.dev/gateway, keyType: ED25519, keyPath: k } }",
      ),
      refusal: /podCertificate\.signerName: .*Fix: /,
    }),
    podAttack({
      name: "the API's token, automounted",
      pod: "spec: { automountServiceAccountToken: true }",
      hasWorked: ({ spec }) => {
        // The folder is there in any case, with what is no token.
        const tokens = spec?.volumes?.filter(({ projected }) =>
          projected?.sources?.some(({ serviceAccountToken }) => serviceAccountToken !== undefined),
        );
        const names = new Set(tokens?.map(({ name }) => name));
        return (
          spec?.containers.some(({ volumeMounts = [] }) =>
            volumeMounts.some(({ name }) => names.has(name)),
          ) === true
        );
      },
    }),
    ...["gw-token", "gw-state", "gw-ca"].map((volume) =>
      podAttack({
        name: `the volume ${volume}, brought along and mounted`,
        pod: `spec: { volumes: [{ name: ${volume}, emptyDir: { medium: Memory } }], containers: [{ name: app, image: app, volumeMounts: [{ name: ${volume}, mountPath: /x }] }] }`,
        refusal: /Fix: /,
        harmless:
          "spec: { volumes: [{ name: work, emptyDir: {} }], containers: [{ name: app, image: app, volumeMounts: [{ name: work, mountPath: /x }] }] }",
      }),
    ),
  ],
};

interface Ask {
  readonly audiences?: readonly string[];
  readonly boundTo?: { readonly kind: string; readonly name: string; readonly uid?: string };
}

function tokenOf(config: KubeConfig, namespace: string, { audiences = [], boundTo }: Ask): Promise<unknown> {
  const boundObjectRef = boundTo === undefined ? {} : { boundObjectRef: { apiVersion: "v1", ...boundTo } };
  const spec = { audiences: [...audiences], ...boundObjectRef };
  return config
    .makeApiClient(CoreV1Api)
    .createNamespacedServiceAccountToken({ namespace, name: "default", body: { spec } });
}

const OURS = { audiences: [BROKER_AUDIENCE] };

function tokenAttack(name: string, ask: (stage: Stage) => Promise<unknown>): Attack {
  return {
    name,
    attempt: async (stage) => (await ask(stage)) !== undefined,
    refusal: /spec\.(?:audiences|boundObjectRef): /,
    twin: async ({ as, api, namespace }) => {
      await tokenOf(as("mallory"), namespace, { audiences: ["vault.example"] });
      // As kubectl asks, and a kubelet for the API's own token: no audience at all.
      const { code, stderr } = await api.kubectl(["create", "token", "default", "--namespace", namespace]);
      if (code !== 0) throw new Refused(stderr);
    },
  };
}

const boundToVictim = async (stage: Stage): Promise<NonNullable<Ask["boundTo"]>> => {
  const pod = await victim(stage);
  return { kind: "Pod", name: whereIs(pod).name, uid: pod.metadata?.uid ?? "" };
};

export const TOKEN_REQUESTS: Threat = {
  id: "T17",
  title: "a TokenRequest for the gateway's audience",
  attacks: [
    tokenAttack("bound to nothing", ({ as, namespace }) => tokenOf(as("mallory"), namespace, OURS)),
    tokenAttack("bound to a pod that has a gateway", async (stage) =>
      tokenOf(stage.as("mallory"), stage.namespace, { ...OURS, boundTo: await boundToVictim(stage) }),
    ),
    tokenAttack("among others", ({ as, namespace }) =>
      tokenOf(as("mallory"), namespace, { audiences: ["vault.example", BROKER_AUDIENCE] }),
    ),
    tokenAttack("by the administrator", ({ api, namespace }) => tokenOf(api.config, namespace, OURS)),
    tokenAttack("in a namespace without the label", async ({ as, unlabelled }) =>
      tokenOf(as("mallory"), await unlabelled(), OURS),
    ),
    tokenAttack("by somebody with the group of nodes, who is none", async (stage) =>
      tokenOf(stage.as("mallory", ["attackers", "system:nodes"]), stage.namespace, {
        ...OURS,
        boundTo: await boundToVictim(stage),
      }),
    ),
    tokenAttack("by somebody with the name of a node, who is none", async (stage) =>
      tokenOf(stage.as("system:node:node-1"), stage.namespace, {
        ...OURS,
        boundTo: await boundToVictim(stage),
      }),
    ),
  ],
};
