/** Pods of an enforced namespace, as our webhook would hand them on: injected with the chart's own settings, and stamped. */
import { AuthenticationV1Api, CoreV1Api, type KubeConfig, type V1Pod } from "@kubernetes/client-node";
import type { InjectionSettings, PodFacts, Rootless } from "#operator/admission/pod/contract.ts";
import { inject } from "#operator/admission/pod/inject.ts";
import { type Origin, originOf } from "#operator/admission/origin/origin.ts";
import { parseSettings } from "#operator/config/read.ts";
import type { OperatorSettings } from "#operator/config/settings.ts";
import { find, NAMESPACE, render, type Values } from "./helm.ts";

export const GATEWAY_UID = 41_873;
const SETTINGS = "sallyport-operator";

export async function operatorSettings(values: Values = {}): Promise<OperatorSettings> {
  const { data } = find(await render(values), "ConfigMap", SETTINGS) as unknown as {
    readonly data: Readonly<Record<string, string>>;
  };
  return settingsIn(data);
}

/** Of a chart that is installed: as its operator would read them. */
export async function installedSettings(config: KubeConfig): Promise<OperatorSettings> {
  const core = config.makeApiClient(CoreV1Api);
  const { data = {} } = await core.readNamespacedConfigMap({ namespace: NAMESPACE, name: SETTINGS });
  return settingsIn(data);
}

function settingsIn(data: Readonly<Record<string, string>>): OperatorSettings {
  const settings = parseSettings(data["operator.json"] ?? "");
  if (!("injection" in settings)) throw new Error(settings.join("\n"));
  return settings;
}

export function factsOf(namespace: string, rootless: Rootless = "force"): PodFacts {
  return { namespace, rootless, mayWriteOurKinds: false };
}

/** What is put on record of whoever has this configuration. */
export async function originOfUser(config: KubeConfig): Promise<Origin> {
  const { status } = await config.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: {} });
  const read = originOf(status?.userInfo ?? {});
  if (read.outcome === "refused") throw new Error(read.reason);
  return read.origin;
}

export function agentPod(facts: PodFacts, settings: InjectionSettings, pod: Partial<V1Pod> = {}): V1Pod {
  const result = inject({ ...SMALLEST, ...pod }, facts, settings, GATEWAY_UID);
  if (result.outcome === "injected") return result.pod;
  throw new Error(result.findings.map(({ field, message }) => `${field}: ${message}`).join("\n"));
}

export function stamped(pod: V1Pod, origin: Origin): V1Pod {
  return { ...pod, metadata: { ...pod.metadata, annotations: { ...pod.metadata?.annotations, ...origin } } };
}

const SMALLEST = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { generateName: "agent-" },
  spec: { containers: [{ name: "app", image: "app" }] },
} satisfies V1Pod;
