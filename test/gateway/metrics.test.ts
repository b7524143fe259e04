import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Counter, Gauge, Registry } from "prom-client";
import { METRIC_REGISTRIES } from "#cli/gateway/metrics.ts";
import { metricsText, page, readMetrics } from "#runtime/metrics.ts";
import { openWorkerMetrics } from "#sidecar/process/metrics.ts";
import { ROOT } from "#test/architecture/sources.ts";

test("docs/operations/metrics.md lists every metric with its labels and its words, and no other", async () => {
  const listed = readFileSync(join(ROOT, "docs/operations/metrics.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `sallyport_"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll("`", "")),
    );
  const registered = METRIC_REGISTRIES.flatMap((registry, at) =>
    registry.getMetricsAsArray().map((metric) => {
      const { name, help, labelNames } = metric as {
        name: string;
        help: string;
        labelNames?: readonly string[];
      };
      const all = [...(at === METRIC_REGISTRIES.length - 1 ? ["worker"] : []), ...(labelNames ?? [])];
      return [name, all.join(", "), help];
    }),
  );
  assert.ok(registered.length > 15);
  assert.deepEqual(listed, registered);
});

const gauges = {
  isConnected: () => true,
  windowFullness: () => 0.5,
  parser: () => ({ instances: 1, broken: 0 }),
};

const connection = { namespace: "shop", name: "orders-db" };
const orders = { name: "orders", connection };
const request = { protocol: "postgres", connection };

test("what workers count stands apart by worker, and adds up over sessions", async () => {
  const parts = await Promise.all(
    [1, 2].map(async (number) => {
      const { registry, meters } = openWorkerMetrics(number, gauges);
      for (let session = 0; session < number; session += 1) {
        meters.opened(orders);
        const requests = meters.requests(request);
        requests.decided("deny", "DENY_RULE").count += 1;
        requests.took(0.02);
        requests.result({ ended: "complete", rows: 3, bytes: 10, maskedValues: 1 });
      }
      meters.ended(orders, "CLIENT_CLOSED");
      meters.turnedAway(orders, "LIMIT_GATEWAY");
      return readMetrics(await metricsText(registry), known);
    }),
  );
  assert.ok(parts.every((part) => part !== undefined));
  const { text } = await page(parts);
  for (const line of [
    'sallyport_sessions_open{listener="orders",connection="shop/orders-db",worker="1"} 0',
    'sallyport_sessions_open{listener="orders",connection="shop/orders-db",worker="2"} 1',
    'sallyport_requests_total{protocol="postgres",connection="shop/orders-db",outcome="deny",code="DENY_RULE",worker="2"} 2',
    'sallyport_decision_seconds_count{worker="2"} 2',
    'sallyport_result_rows_total{protocol="postgres",connection="shop/orders-db",worker="2"} 6',
    'sallyport_masked_values_total{protocol="postgres",connection="shop/orders-db",worker="2"} 2',
    'sallyport_sessions_ended_total{listener="orders",connection="shop/orders-db",code="CLIENT_CLOSED",worker="1"} 1',
    'sallyport_clients_refused_total{listener="orders",connection="shop/orders-db",code="LIMIT_GATEWAY",worker="1"} 1',
    'sallyport_trail_window_fullness{worker="1"} 0.5',
  ])
    assert.ok(text.includes(line), `${line} is not in\n${text}`);
});

const known = new Set(
  METRIC_REGISTRIES.flatMap((registry) => registry.getMetricsAsArray().map(({ name }) => name)),
);

test("of what a process says, only metrics of ours reach the page", async () => {
  const registry = new Registry();
  const registers = [registry];
  const foreign = new Gauge({ name: "surprise", help: "not ours", registers });
  const own = new Counter({
    name: "sallyport_sessions_ended_total",
    help: "ours",
    labelNames: ["code"],
    registers,
  });
  foreign.set(1);
  own.inc({ code: "CLIENT_CLOSED" });
  const read = readMetrics(await metricsText(registry), known);
  assert.deepEqual(
    read?.map(({ name }) => name),
    ["sallyport_sessions_ended_total"],
  );
  for (const text of ["", "{}", "[1]", '[{"name":"sallyport_leases"}]', '[{"name":1,"values":[]}]'])
    assert.equal(readMetrics(text, known), undefined, text);
});
