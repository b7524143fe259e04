import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Registry } from "prom-client";
import { admissionMeters } from "#operator/admission/server/meters.ts";
import { kubeMeters } from "#operator/kube/metrics.ts";
import { processMeters } from "#operator/process/meters.ts";
import { ROOT } from "#test/architecture/sources.ts";
import { operatorConfig } from "./support/config.ts";

const page = readFileSync(join(ROOT, "docs/operations/operator.md"), "utf8");
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("`", "")),
  );

test("docs/operations/operator.md lists every metric of the operator with its labels and its words, and no other", () => {
  const registry = new Registry();
  kubeMeters(registry);
  processMeters(registry, [], {
    isIntact: () => true,
    certificateEndsMs: () => undefined,
    eventsDropped: () => 0,
  });
  admissionMeters(registry);
  const registered = registry.getMetricsAsArray().map((metric) => {
    const { name, help, labelNames } = metric as {
      name: string;
      help: string;
      labelNames?: readonly string[];
    };
    return [name, (labelNames ?? []).join(", "), help];
  });
  assert.ok(registered.length > 15);
  assert.deepEqual(
    rows.filter(([name]) => name?.startsWith("sallyport_")),
    registered,
  );
});

test("it lists every field of the configuration, and no other", () => {
  const { webhook, ...config } = operatorConfig() as { webhook: object };
  const fields = [
    ...Object.keys(config),
    ...[...Object.keys(webhook), "clientCertificate"].map((name) => `webhook.${name}`),
  ];
  const listed = rows.flatMap(([name = ""]) => (name.startsWith("sallyport_") ? [] : [name]));
  assert.deepEqual(listed.toSorted(), fields.toSorted());
});
