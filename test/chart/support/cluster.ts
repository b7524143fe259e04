/** An API server with nothing of ours in force but the policies: our webhook configurations are deleted. */
import {
  AdmissionregistrationV1Api,
  type ApiException,
  CoreV1Api,
  type KubeConfig,
  KubernetesObjectApi,
  type V1Pod,
} from "@kubernetes/client-node";
import type { InjectionSettings } from "#operator/admission/pod/contract.ts";
import type { Origin } from "#operator/admission/origin/origin.ts";
import { type ApiTier, startApiTier } from "#tools/cluster/api-tier.ts";
import type { Flags } from "#tools/cluster/control-plane.ts";
import { agentPod, factsOf, installedSettings, originOfUser, stamped } from "./agents.ts";
import { CHART, helm, NAMESPACE, type Values, valueFlags } from "./helm.ts";
import { eventually } from "./wait.ts";

/** Name servers are given, since a cluster without controllers has no Service that could be looked up. */
export const VALUES = { resolvers: ["10.96.0.10"] } satisfies Values;

/** A field that a server does not know yet is dropped, and nothing could be said about it. */
const NEWER = {
  "feature-gates": "PodCertificateRequest=true",
  "runtime-config": "certificates.k8s.io/v1beta1=true",
};

export interface Guarded extends AsyncDisposable {
  readonly api: ApiTier;
  readonly injection: InjectionSettings;
  /** Of the administrator. */
  readonly origin: Origin;
  readonly core: CoreV1Api;
  /** A new namespace that is enforced, with its `default` service account. */
  enforced(labels?: Readonly<Record<string, string>>): Promise<string>;
  /** A whole agent pod of that namespace, as the administrator makes it. */
  agent(namespace: string, pod?: Partial<V1Pod>): V1Pod;
}

export async function startGuarded(flags: Flags = {}): Promise<Guarded> {
  await using started = new AsyncDisposableStack();
  const api = started.use(await startApiTier({ flags: { ...NEWER, ...flags } }));
  await install(api, VALUES);
  await people(api);
  await withoutWebhooks(api.config);
  const { injection } = await installedSettings(api.config);
  const origin = await originOfUser(api.config);
  const core = api.config.makeApiClient(CoreV1Api);
  const enforced = (labels = {}): Promise<string> =>
    api.namespace({ "sallyport.dev/enforce": "", ...labels });
  await inForce(core, await enforced());
  const owned = started.move();
  return {
    api,
    injection,
    origin,
    core,
    enforced,
    agent: (namespace, pod) => stamped(agentPod(factsOf(namespace), injection, pod), origin),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

export async function install({ kubeconfig }: ApiTier, values: Values): Promise<void> {
  const { code, stderr } = await helm(
    ["install", "sallyport", CHART, "--namespace", NAMESPACE, "--create-namespace", ...valueFlags(values)],
    kubeconfig,
  );
  if (code !== 0) throw new Error(stderr);
}

/** Groups of people with the rights that Kubernetes itself asks for, and two with those that we ask for beside. */
async function people(api: ApiTier): Promise<void> {
  const rules = [
    {
      apiGroups: [""],
      resources: ["namespaces", "namespaces/status", "pods", "pods/status", "pods/resize"],
      verbs: ["*"],
    },
    { apiGroups: [""], resources: ["pods/ephemeralcontainers", "serviceaccounts/token"], verbs: ["*"] },
    {
      apiGroups: [""],
      resources: ["pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy"],
      verbs: ["*"],
    },
    { apiGroups: ["apps", "batch"], resources: ["*"], verbs: ["*"] },
  ];
  const bound = { testers: "testers", debuggers: "sallyport-debug", unenforcers: "sallyport-unenforce" };
  const bindings = Object.entries(bound).map(([group, name]) => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: group },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: group }],
  }));
  const role = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "testers" },
    rules,
  };
  const client = KubernetesObjectApi.makeApiClient(api.config);
  for (const object of [role, ...bindings]) await client.create(object);
}

/** As an attacker with the right to would do it. */
async function withoutWebhooks(config: KubeConfig): Promise<void> {
  const registrations = config.makeApiClient(AdmissionregistrationV1Api);
  await registrations.deleteMutatingWebhookConfiguration({ name: "sallyport" });
  await registrations.deleteValidatingWebhookConfiguration({ name: "sallyport" });
}

/** Policies are read by the API server every second or so, all that are there at once; the probe is of the one that helm makes last. */
async function inForce(core: CoreV1Api, namespace: string): Promise<void> {
  const body = { metadata: { name: "probe" }, spec: { containers: [{ name: "app", image: "app" }] } };
  await eventually(
    async () => {
      const refusal = await refusalOf(() => core.createNamespacedPod({ namespace, body, dryRun: "All" }));
      return refusal?.includes("sallyport-pod-gateway") === true ? true : undefined;
    },
    () => "the policies do not come into force",
  );
}

/** What the API server says when it refuses; undefined when it does not. */
export async function refusalOf(ask: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await ask();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function messageOf(error: unknown): string {
  const { body } = error as ApiException<unknown>;
  if (typeof body !== "string") throw error;
  const status: unknown = JSON.parse(body);
  if (typeof status === "object" && status !== null && "message" in status) return String(status.message);
  throw error;
}
