/**
 * A real Prometheus scrapes an installed release and a standalone gateway as docs/operations/dashboards.md says, and every panel's and
 * every rule's expression is asked of it. With PICTURES=FOLDER the dashboards are drawn of what it answers (`make pictures`).
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { load } from "js-yaml";
import { ROOT, textOf } from "#test/architecture/sources.ts";
import { fencesOf } from "#test/docs/fences.ts";
import { once } from "#test/gateway/support/clients.ts";
import { type Running, running } from "#test/gateway/support/running.ts";
import { type Release, installRelease } from "#test/installed/support/release.ts";
import { until } from "#test/installed/support/until.ts";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import type { Dashboard } from "#tools/monitoring/dashboard.ts";
import { DASHBOARDS, type DashboardName } from "#tools/monitoring/dashboards/dashboards.ts";
import { filledIn, picture } from "#tools/monitoring/picture.ts";
import { type Prometheus, startPrometheus } from "#tools/monitoring/prometheus.ts";
import { skipWithoutPrometheus } from "./support/promtool.ts";
import { RULES, rules } from "./support/rules.ts";
import { podTargets } from "./support/pod-targets.ts";
import { keepAsking, launchFamily, provoke } from "./support/traffic.ts";

const PAGE = "docs/operations/dashboards.md";
const PICTURES = process.env["PICTURES"];
const TRAFFIC_S = 30;
const RATE_S = 20;
const SVG_BYTES_MAX = 60_000;

const VALUES = {
  fleet: {},
  connection: { connection: "shop/orders-db" },
  family: { family: "shop/planner" },
  cost: {},
} satisfies Record<DashboardName, Readonly<Record<string, string>>>;

/** Without any series for as long as nothing of the kind has happened; that there is such a metric is shown by dashboards.test.ts. */
const SILENT = new Set(["sallyport_broker_refusals_total"]);

const skip = skipWithoutPrometheus() || skipWithoutNodeTier() || skipWithoutPostgres(18);

describe("a real Prometheus", { skip }, () => {
  let release: Release;
  let standalone: Running;
  let prometheus: Prometheus;
  let fromS = 0;
  before(async () => {
    // One after the other: what has come up is ended by `after`, also where the next one does not.
    release = await installRelease();
    standalone = await running(1);
    await launchFamily(release);
    prometheus = await startPrometheus(await configuration(release, standalone));
    // What is counted before it is scraped for the first time has no rate.
    await until("scraped twice", async () => {
      const [fewest] = await prometheus.query("min(count_over_time(up[5m]))");
      return Number(fewest?.value[1] ?? 0) >= 2;
    });
    fromS = Date.now() / 1_000;
    await Promise.all([provoke(release), keepAsking(release, TRAFFIC_S), once(standalone)]);
  });
  after(async () => {
    await prometheus?.[Symbol.asyncDispose]();
    await standalone?.[Symbol.asyncDispose]();
    await release?.[Symbol.asyncDispose]();
  });

  for (const [name, dashboard] of Object.entries(DASHBOARDS) as readonly [DashboardName, Dashboard][])
    test(`has something to show in every panel of ${name}`, async () => {
      const range = { fromS, toS: Date.now() / 1_000, stepS: 2 };
      const empty: string[] = [];
      for (const { title, queries } of dashboard.rows.flatMap(({ panels }) => panels))
        for (const { expr } of queries) {
          const lines = await prometheus.range(filledIn(expr, VALUES[name], RATE_S), range);
          const isShown = lines.some(({ values }) =>
            values.some(([, value]) => Number.isFinite(Number(value))),
          );
          if (!isShown) empty.push(`${title}: ${expr}`);
        }
      assert.deepEqual(empty, []);
    });

  test("evaluates every rule without an error, and knows each metric that they are about", async () => {
    await until("all evaluated", async () =>
      (await prometheus.rules()).every(({ health }) => health !== "unknown"),
    );
    assert.deepEqual(
      (await prometheus.rules()).map(({ name, health }) => [name, health]),
      rules.map(({ alert }) => [alert, "ok"]),
    );
    const metrics = new Set(rules.flatMap(({ expr }) => expr.match(/\bsallyport_\w+/g) ?? []));
    const unknown: string[] = [];
    for (const metric of metrics) if ((await prometheus.query(metric)).length === 0) unknown.push(metric);
    assert.deepEqual(unknown, [...SILENT]);
  });

  test("calls nobody where all is well", async () => {
    const firing = await prometheus.query('ALERTS{alertstate="firing"}');
    assert.deepEqual(
      firing.map(({ metric }) => metric),
      [],
    );
  });

  test("knows whose gateway is whose, by the same name as the broker", async () => {
    const scraped = await prometheus.query('sum by (agent) (sallyport_broker_connected{agent!=""})');
    const known = await prometheus.query("max by (agent) (sallyport_agent_info)");
    const names = (samples: typeof scraped): readonly (string | undefined)[] =>
      samples.map(({ metric }) => metric["agent"]).toSorted();
    assert.ok(scraped.length >= 3);
    assert.deepEqual(names(scraped), names(known));
    const family = await prometheus.query(
      'max by (agent, launched_by) (sallyport_agent_info{family="shop/planner"})',
    );
    assert.deepEqual(family.map(({ metric }) => [metric["agent"], metric["launched_by"]]).toSorted(), [
      ["shop/planner", "person"],
      ["shop/summarise", "shop/planner"],
    ]);
  });

  test("is what the pictures are drawn of, and they are small", async () => {
    for (const [name, dashboard] of Object.entries(DASHBOARDS) as readonly [DashboardName, Dashboard][]) {
      const times = { fromS, toS: Date.now() / 1_000, rateS: RATE_S };
      const svg = await picture(dashboard, prometheus, { values: VALUES[name], ...times });
      assert.ok(svg.length < SVG_BYTES_MAX, `${name}: ${svg.length} bytes`);
      assert.ok(!svg.includes("no data"), name);
      assert.ok(!svg.includes("NaN"), name);
      if (PICTURES !== undefined) await writeFile(join(PICTURES, `${name}.svg`), svg);
    }
  });
});

interface Configuration {
  readonly scrape_configs: readonly [{ readonly kubernetes_sd_configs: readonly object[] }];
}

/** The page's own, with the pods that there are, and a standalone gateway beside it. */
async function configuration({ node }: Release, { gateway: { health } }: Running): Promise<object> {
  const fence = fencesOf(PAGE, textOf(PAGE)).find(({ info }) => info === "yaml prometheus");
  const {
    scrape_configs: [cluster],
  } = load(fence?.text ?? "") as Configuration;
  const { kubernetes_sd_configs: discovery, ...rest } = cluster;
  assert.deepEqual(discovery, [{ role: "pod" }]);
  return {
    global: { scrape_interval: "2s", scrape_timeout: "2s", evaluation_interval: "2s" },
    rule_files: [join(ROOT, RULES)],
    scrape_configs: [
      { ...rest, static_configs: await podTargets(node) },
      { job_name: "standalone", static_configs: [{ targets: [new URL(health).host] }] },
    ],
  };
}
