/** Dashboards as they are shipped: what the chart has is what is written down, well-formed, and about metrics that there are. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Registry } from "prom-client";
import { METRIC_REGISTRIES } from "#cli/gateway/metrics.ts";
import { admissionMeters } from "#operator/admission/server/meters.ts";
import { kubeMeters } from "#operator/kube/metrics.ts";
import { processMeters } from "#operator/process/meters.ts";
import { openMeters } from "#sidecar/pod/meters.ts";
import { textOf } from "#test/architecture/sources.ts";
import { find, render, skipWithoutHelm } from "#test/chart/support/helm.ts";
import type { Dashboard, Panel } from "#tools/monitoring/dashboard.ts";
import { DASHBOARDS } from "#tools/monitoring/dashboards/dashboards.ts";
import { grafana } from "#tools/monitoring/grafana.ts";
import { rules } from "./support/rules.ts";

const all: readonly [string, Dashboard][] = Object.entries(DASHBOARDS);
const panelsOf = ({ rows }: Dashboard): readonly Panel[] => rows.flatMap(({ panels }) => panels);
const fileOf = (name: string): string => textOf(`charts/sallyport/monitoring/dashboards/${name}.json`);

for (const [name, dashboard] of all)
  test(`${name}: the chart's file is what is written for it`, () => {
    assert.equal(fileOf(name), `${JSON.stringify(grafana(dashboard), null, 1)}\n`, "make generate");
  });

test("titles and uids are told apart, and every panel says what it shows", () => {
  const uids = all.map(([, { uid }]) => uid);
  assert.equal(new Set(uids).size, uids.length);
  for (const [name, dashboard] of all) {
    assert.match(dashboard.uid, /^sallyport-[a-z]+$/);
    assert.match(dashboard.question, /\?$/);
    const panels = panelsOf(dashboard);
    assert.equal(new Set(panels.map(({ title }) => title)).size, panels.length, name);
    for (const { title, description, queries } of panels) {
      assert.match(description, /[.:].*$/, `${name}: ${title}`);
      assert.ok(queries.length > 0, `${name}: ${title}`);
    }
  }
});

test("runbooks that panels name are those of alerts that there are", () => {
  const alerts = new Set(rules.map(({ alert }) => alert));
  const named = all.flatMap(([, dashboard]) =>
    panelsOf(dashboard).flatMap(({ description }) => description.match(/Sallyport[A-Z]\w+/g) ?? []),
  );
  assert.ok(named.length > 10);
  assert.deepEqual(
    named.filter((alert) => !alerts.has(alert)),
    [],
  );
});

interface Placed {
  readonly type: string;
  readonly title: string;
  readonly id: number;
  readonly gridPos: Readonly<Record<"x" | "y" | "w" | "h", number>>;
}

test("no panel lies on another or beyond the edge", () => {
  for (const [name] of all) {
    const { panels } = JSON.parse(fileOf(name)) as { readonly panels: readonly Placed[] };
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const taken = new Set<string>();
    for (const {
      title,
      gridPos: { x, y, w, h },
    } of panels) {
      assert.ok(x + w <= 24, `${name}: ${title}`);
      for (let column = x; column < x + w; column += 1)
        for (let line = y; line < y + h; line += 1) {
          assert.ok(!taken.has(`${column},${line}`), `${name}: ${title}`);
          taken.add(`${column},${line}`);
        }
    }
  }
});

test("every metric that a panel or an alert names is one of ours, with labels that it has", () => {
  const known = labelsByMetric();
  const expressions = [
    ...rules.map(({ alert, expr }): [string, string] => [alert, expr]),
    ...all.flatMap(([name, dashboard]) =>
      panelsOf(dashboard).flatMap(({ title, queries }) =>
        queries.map(({ expr }): [string, string] => [`${name}: ${title}`, expr]),
      ),
    ),
  ];
  for (const [where, expr] of expressions) {
    const named = [...expr.matchAll(/\b(sallyport_\w+?)(?:_bucket)?\b(?:\{([^}]*)\})?/g)];
    assert.ok(named.length > 0, where);
    for (const [, metric = "", matchers = ""] of named) {
      const labels = known.get(metric);
      assert.ok(labels, `${where}: there is no ${metric}`);
      for (const [, label = ""] of matchers.matchAll(/(\w+)(?:=~|!~|!=|=)"/g))
        assert.ok(labels.has(label), `${where}: ${metric} has no label ${label}`);
    }
  }
});

function labelsByMetric(): ReadonlyMap<string, ReadonlySet<string>> {
  const operator = new Registry();
  kubeMeters(operator);
  processMeters(operator, [], {
    isIntact: () => true,
    certificateEndsMs: () => undefined,
    eventsDropped: () => 0,
  });
  admissionMeters(operator);
  const pod = openMeters(() => 0, 0).registry;
  return new Map(
    [...METRIC_REGISTRIES, operator, pod].flatMap((registry) =>
      registry.getMetricsAsArray().map((metric): [string, ReadonlySet<string>] => {
        const { name, labelNames = [] } = metric as { name: string; labelNames?: readonly string[] };
        return [name, new Set(labelNames)];
      }),
    ),
  );
}

describe("the chart", { skip: skipWithoutHelm() }, () => {
  test("hands each dashboard to Grafana's sidecar as it is, by the label that was asked for", async () => {
    const objects = await render({ dashboards: { enabled: true, labels: { dashboards: "yes" } } });
    for (const [name] of all) {
      const { metadata, data } = find(objects, "ConfigMap", `sallyport-dashboard-${name}`) as unknown as {
        readonly metadata: { readonly labels: Readonly<Record<string, string>> };
        readonly data: Readonly<Record<string, string>>;
      };
      assert.equal(metadata.labels["dashboards"], "yes");
      assert.deepEqual(JSON.parse(data[`sallyport-${name}.json`] ?? ""), JSON.parse(fileOf(name)));
    }
    const others = await render();
    assert.ok(others.every(({ metadata }) => !metadata.name.startsWith("sallyport-dashboard")));
  });
  test("has gateways scraped by the name under which the broker knows their agents", async () => {
    const objects = await render({ podMonitor: { enabled: true } });
    const { spec } = find(objects, "PodMonitor", "sallyport-gateways") as unknown as {
      readonly spec: { readonly podMetricsEndpoints: readonly [{ readonly relabelings: readonly object[] }] };
    };
    assert.deepEqual(spec.podMetricsEndpoints[0].relabelings.at(-1), {
      sourceLabels: ["__meta_kubernetes_namespace", "__meta_kubernetes_pod_name"],
      separator: "/",
      targetLabel: "agent",
    });
    const without = await render({ podMonitor: { enabled: true, gateways: false } });
    assert.ok(without.every(({ metadata }) => metadata.name !== "sallyport-gateways"));
  });
});
