/** Pods, as their authors write them. */
import type {
  KubernetesObject,
  V1Container,
  V1Deployment,
  V1Job,
  V1Namespace,
  V1Pod,
  V1PodSpec,
} from "@kubernetes/client-node";

export const AGENT = "localhost/test/agent:1";

/**
 * To an address that answers nobody: what answers is the gateway, as soon as it has its plan. On a machine under load its patience
 * may end before, and then it is asked again.
 */
export const DIAL = `for attempt in $(seq 10); do
  said=$(curl --silent --show-error --max-time 20 http://192.0.2.77/ 2>&1)
  case $said in *BROKER_UNAVAILABLE*) ;; *) break ;; esac
done
echo "$said"`;

export function shell(name: string, script: string, more: Partial<V1Container> = {}): V1Container {
  return { name, image: AGENT, command: ["bash", "-c", script], ...more };
}

export const sleeper = (more: Partial<V1Container> = {}): V1Container =>
  shell("agent", "sleep infinity", more);

export function spec(containers: V1Container[], more: Partial<V1PodSpec> = {}): V1PodSpec {
  return { terminationGracePeriodSeconds: 0, containers, ...more };
}

export function pod(namespace: string, name: string, of: V1PodSpec): V1Pod & KubernetesObject {
  return { apiVersion: "v1", kind: "Pod", metadata: { namespace, name, labels: { app: name } }, spec: of };
}

export function namespace(name: string, labels: Record<string, string> = {}): V1Namespace & KubernetesObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

export function deployment(
  inNamespace: string,
  name: string,
  of: V1PodSpec,
): V1Deployment & KubernetesObject {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { namespace: inNamespace, name },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: of } },
  };
}

export function job(inNamespace: string, name: string, script: string): V1Job & KubernetesObject {
  const template = { spec: { ...spec([shell("once", script)]), restartPolicy: "Never" } };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { namespace: inNamespace, name },
    spec: { backoffLimit: 0, template },
  };
}
