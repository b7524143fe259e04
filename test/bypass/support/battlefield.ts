/** Installs the chart without its defences, and then them and the operator's own program. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CoreV1Api } from "@kubernetes/client-node";
import type { WebhookConfiguration } from "#operator/config/settings.ts";
import { ROOT } from "#test/architecture/sources.ts";
import { operatorSettings } from "#test/chart/support/agents.ts";
import { refusalOf, VALUES } from "#test/chart/support/cluster.ts";
import { find, NAMESPACE, type Rendered, render } from "#test/chart/support/helm.ts";
import { eventually } from "#test/chart/support/wait.ts";
import { type ApiTier, startApiTier } from "#tools/cluster/api-tier.ts";
import { freePorts } from "#tools/cluster/ports.ts";
import { ATTACKERS, type Stage } from "./stage.ts";

export interface Battlefield extends AsyncDisposable {
  readonly undefended: Stage;
  /** Once, and for good. */
  defend(): Promise<Stage>;
  readonly operator: Operator;
}

export interface Operator {
  /** Resolves when it is gone. Whoever is told to go leaves the lease to the next one; whoever is killed keeps it for a while. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  start(): Promise<void>;
  logged(): string;
}

const DEFENCES: ReadonlySet<string> = new Set([
  "ValidatingAdmissionPolicy",
  "ValidatingAdmissionPolicyBinding",
  "MutatingWebhookConfiguration",
  "ValidatingWebhookConfiguration",
]);
/** Of the release and not of the cluster: there is nobody who could run them. */
const RUN: ReadonlySet<string> = new Set(["Deployment", "StatefulSet", "Pod"]);

/** A field that a server does not know yet is dropped, and nothing could be said about it. */
const NEWER = {
  "feature-gates": "PodCertificateRequest=true",
  "runtime-config": "certificates.k8s.io/v1beta1=true",
};

export async function openBattlefield(): Promise<Battlefield> {
  await using started = new AsyncDisposableStack();
  const [api, objects, { injection }] = await Promise.all([
    startApiTier({ flags: NEWER }),
    render(VALUES),
    operatorSettings(VALUES),
  ]);
  started.use(api);
  await apply(api, [
    namespaceObject(),
    ...objects.filter(({ kind }) => !DEFENCES.has(kind) && !RUN.has(kind)),
  ]);
  await apply(api, attackers());
  const operator = started.use(await prepareOperator(api, objects));
  const core = (user: string, groups: readonly string[]) => api.as(user, { groups }).makeApiClient(CoreV1Api);
  const enforced: Stage["enforced"] = (labels = {}) =>
    api.namespace({ "sallyport.dev/enforce": "", ...labels });
  const stage = async (isDefended: boolean): Promise<Stage> => ({
    isDefended,
    api,
    injection,
    namespace: await enforced(),
    attacker: core("mallory", [ATTACKERS]),
    administrator: api.config.makeApiClient(CoreV1Api),
    as: (user, groups = [ATTACKERS]) => api.as(user, { groups }),
    enforced,
    unlabelled: () => api.namespace(),
  });
  const undefended = await stage(false);
  const owned = started.move();
  return {
    undefended,
    operator,
    async defend() {
      const policies = objects.filter(({ kind }) => kind.startsWith("ValidatingAdmissionPolicy"));
      await apply(api, [...policies, ...operator.configurations]);
      await operator.start();
      const defended = await stage(true);
      await inForce(defended);
      return defended;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function apply(api: ApiTier, items: readonly object[]): Promise<void> {
  const stdin = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  const { code, stderr } = await api.kubectl(["apply", "--server-side", "-f", "-"], { stdin });
  if (code !== 0) throw new Error(stderr);
}

const namespaceObject = () => ({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });

/** Rights of Kubernetes' own in plenty, so that what stops them is not RBAC. */
function attackers(): readonly object[] {
  const everything = ["*"];
  const rules = [
    {
      apiGroups: ["", "apps", "batch", "rbac.authorization.k8s.io"],
      resources: everything,
      verbs: everything,
    },
    { apiGroups: ["admissionregistration.k8s.io", "policy"], resources: everything, verbs: everything },
  ];
  return [
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: ATTACKERS },
      rules,
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: ATTACKERS },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: ATTACKERS },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: ATTACKERS }],
    },
  ];
}

interface Prepared extends Operator, AsyncDisposable {
  readonly configurations: readonly WebhookConfiguration[];
}

/** As the chart runs it, but for addresses, which are of this machine. */
async function prepareOperator(api: ApiTier, objects: readonly Rendered[]): Promise<Prepared> {
  const folder = await mkdtemp(join(tmpdir(), "sallyport-bypass-"));
  const [port = 0, health = 0] = await freePorts(2);
  const { data } = find(objects, "ConfigMap", "sallyport-operator") as unknown as {
    readonly data: Readonly<Record<string, string>>;
  };
  const settings = JSON.parse(data["operator.json"] ?? "");
  const { webhook } = settings;
  const file = join(folder, "operator.json");
  const configurations: readonly WebhookConfiguration[] = webhook.configurations.map(
    (each: WebhookConfiguration) => atAddress(each, port),
  );
  await writeFile(
    file,
    JSON.stringify({
      ...settings,
      drainSeconds: 0,
      observability: { host: "127.0.0.1", port: health },
      webhook: {
        ...webhook,
        listen: { host: "127.0.0.1", port },
        names: ["127.0.0.1"],
        configurations,
      },
    }),
  );
  const kubeconfig = join(folder, "operator.kubeconfig");
  const account = await api.asServiceAccount(NAMESPACE, "sallyport-operator");
  await writeFile(kubeconfig, account.exportConfig(), { mode: 0o600 });
  let child: ChildProcess | undefined;
  let log = "";
  const end: Operator["end"] = async (signal) => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  };
  return {
    configurations,
    end,
    logged: () => log,
    async start() {
      const words = ["operator/main.ts", "--config", file, "--kubeconfig", kubeconfig];
      const one = spawn(process.execPath, words, { cwd: ROOT, stdio: ["ignore", "ignore", "pipe"] });
      one.stderr.setEncoding("utf8").on("data", (text: string) => {
        log += text;
      });
      child = one;
      let last = "";
      await eventually(
        async () => {
          last = await readiness(health);
          return last === READY ? true : undefined;
        },
        () => `the operator does not become ready: ${last}\n${log}`,
      );
    },
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function atAddress(configuration: WebhookConfiguration, port: number): WebhookConfiguration {
  return {
    ...configuration,
    webhooks: configuration.webhooks.map((webhook) => {
      const { service } = webhook.clientConfig as { readonly service: { readonly path: string } };
      return { ...webhook, clientConfig: { url: `https://127.0.0.1:${port}${service.path}` } };
    }),
  };
}

const READY = "ready";

async function readiness(port: number): Promise<string> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
    return answer.ok ? READY : await answer.text();
  } catch (error) {
    return String(error);
  }
}

/** Policies are read by the API server every second or so, all that are there at once. */
export async function inForce({ administrator, namespace }: Stage): Promise<void> {
  const body = { spec: { audiences: ["sallyport.dev/broker"] } };
  await eventually(
    async () => {
      const refusal = await refusalOf(() =>
        administrator.createNamespacedServiceAccountToken({
          namespace,
          name: "default",
          body,
          dryRun: "All",
        }),
      );
      return refusal === undefined ? undefined : true;
    },
    () => "the policies do not come into force",
  );
  const pod = { metadata: { name: "probe" }, spec: { containers: [{ name: "app", image: "app" }] } };
  await eventually(
    async () => {
      const answer = await administrator
        .createNamespacedPod({ namespace, body: pod, dryRun: "All" })
        .catch(() => undefined);
      return answer?.spec?.initContainers === undefined ? undefined : true;
    },
    () => "the webhooks do not come into force",
  );
}
