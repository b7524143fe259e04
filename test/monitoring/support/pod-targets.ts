/**
 * What Prometheus' own discovery of pods finds, one target for each port of each container, with the labels that it gives them. The
 * distribution's Prometheus is built without that discovery; what is made of its labels is the page's configuration all the same.
 */
import { CoreV1Api, type V1Pod } from "@kubernetes/client-node";
import type { NodeTier } from "#tools/cluster/node/node-tier.ts";

export interface Target {
  readonly targets: readonly [string];
  readonly labels: Readonly<Record<string, string>>;
}

export async function podTargets({ config }: Pick<NodeTier, "config">): Promise<readonly Target[]> {
  const { items } = await config.makeApiClient(CoreV1Api).listPodForAllNamespaces();
  return items.flatMap(targetsOf);
}

function targetsOf({ metadata, spec, status }: V1Pod): readonly Target[] {
  const { podIP = "" } = status ?? {};
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  return containers.flatMap(({ name, ports = [] }) =>
    ports.map(({ name: port = "", containerPort }): Target => {
      const labels = {
        __meta_kubernetes_namespace: metadata?.namespace ?? "",
        __meta_kubernetes_pod_name: metadata?.name ?? "",
        __meta_kubernetes_pod_container_name: name,
        __meta_kubernetes_pod_container_port_name: port,
      };
      return { targets: [`${podIP}:${containerPort}`], labels };
    }),
  );
}
