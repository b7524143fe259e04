/** What the suites of this folder share: one API server, the kinds in it, and ways to ask it. */
import assert from "node:assert/strict";
import { KINDS_IN_CLUSTER } from "#operator/reconcile/controllers.ts";
import { type Kube, openKube } from "#operator/kube/client.ts";
import { KubeError } from "#operator/kube/error.ts";
import { NAMESPACES, type OwnKind } from "#operator/kube/resource.ts";
import type { ApiTier } from "#tools/cluster/api-tier.ts";
import { CHART, helm, NAMESPACE } from "../../chart/support/helm.ts";
import { eventually } from "../../chart/support/wait.ts";

export interface Live {
  readonly api: ApiTier;
  /** The administrator's. */
  readonly kube: Kube;
  /** The operator's own. */
  readonly operator: Kube;
}

export type KindOf = keyof typeof KINDS_IN_CLUSTER;

export async function installKinds(api: ApiTier): Promise<Live> {
  await succeed(api, ["apply", "-f", "crds/assembled"]);
  await succeed(api, ["wait", "crd", "--all", "--for=condition=Established", "--timeout=30s"]);
  return { api, kube: openKube(api.config), operator: await asOperator(api) };
}

/** Those files of the chart, as helm makes them. */
export async function renderChart(files: readonly string[]): Promise<string> {
  const only = files.flatMap((file) => ["--show-only", `templates/${file}`]);
  const words = ["template", "sallyport", CHART, "--namespace", NAMESPACE, ...only];
  const { code, stdout, stderr } = await helm(words);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** With the rights that the chart gives the operator, and no other. */
async function asOperator(api: ApiTier): Promise<Kube> {
  const { code } = await api.kubectl(["get", "namespace", NAMESPACE]);
  if (code !== 0) await succeed(api, ["create", "namespace", NAMESPACE]);
  const rights = ["operator/rbac.yaml", "broker/rbac.yaml", "policies/operator-bindings.yaml"];
  await succeed(api, ["apply", "-f", "-"], await renderChart(rights));
  return openKube(await api.asServiceAccount(NAMESPACE, "sallyport-operator"));
}

export async function succeed(api: ApiTier, args: readonly string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await api.kubectl(args, stdin === undefined ? {} : { stdin });
  assert.equal(code, 0, `kubectl ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** All with one kubectl, whose start costs more than what it does. */
export async function applyAll(api: ApiTier, items: readonly object[]): Promise<void> {
  await succeed(api, ["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
}

/** Gives a namespace a label, or takes it away. */
export async function relabel(
  { kube }: Live,
  namespace: string,
  label: string,
  value: string | undefined,
): Promise<void> {
  // Every namespace has labels: the server gives it one with its name.
  const path = `/metadata/labels/${label.replaceAll("/", "~1")}`;
  const operation =
    value === undefined ? ({ op: "remove", path } as const) : ({ op: "add", path, value } as const);
  await kube.patch(NAMESPACES, namespace, [operation], { signal: AbortSignal.timeout(30_000) });
}

export interface Verdict {
  readonly accepted: boolean;
  readonly message: string;
}

/** Whether the API server would take the object. */
export async function tryCreate(kube: Kube, object: OwnKind): Promise<Verdict> {
  const { resource } = KINDS_IN_CLUSTER[object.kind as KindOf];
  return eventually(
    async () => {
      try {
        await kube.create<OwnKind>(resource, object, { signal: AbortSignal.timeout(30_000), dryRun: true });
        return { accepted: true, message: "" };
      } catch (error) {
        if (!(error instanceof KubeError)) throw error;
        // It is not there for its kind while it makes a new storage for a definition that has changed.
        if (error.status === 429 || error.reason === "Unreachable") return undefined;
        if (error.status >= 400 && error.status < 500) return { accepted: false, message: error.message };
        throw error;
      }
    },
    () => "the API server is not ready for this kind",
  );
}
