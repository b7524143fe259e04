/** The kinds of the Prometheus operator, as far as the chart uses them; they themselves come with that operator. */

const text = { type: "string" } as const;
const list = <Items extends object>(items: Items) => ({ type: "array", items }) as const;
const object = <Properties extends object>(properties: Properties) =>
  ({ type: "object", properties }) as const;
const texts = { type: "object", additionalProperties: text } as const;

const relabeling = object({
  sourceLabels: list(text),
  separator: text,
  targetLabel: text,
  regex: text,
  replacement: text,
  action: text,
});

const podMonitor = object({
  selector: object({ matchLabels: texts }),
  namespaceSelector: object({ any: { type: "boolean" }, matchNames: list(text) }),
  podMetricsEndpoints: list(
    object({ port: text, path: text, interval: text, relabelings: list(relabeling) }),
  ),
});

const prometheusRule = object({
  groups: list(
    object({
      name: text,
      rules: list(
        object({
          alert: text,
          record: text,
          expr: text,
          for: text,
          labels: texts,
          annotations: texts,
        }),
      ),
    }),
  ),
});

function kind(name: string, plural: string, spec: object): object {
  const group = "monitoring.coreos.com";
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { kind: name, plural },
      scope: "Namespaced",
      versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: object({ spec }) } }],
    },
  };
}

export const PROMETHEUS_KINDS = {
  apiVersion: "v1",
  kind: "List",
  items: [
    kind("PodMonitor", "podmonitors", podMonitor),
    kind("PrometheusRule", "prometheusrules", prometheusRule),
  ],
};
