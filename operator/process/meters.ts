/** What the operator counts beside what its parts do. */
import { Counter, Gauge, type Registry } from "prom-client";
import { lookedUp } from "#runtime/metrics.ts";
import { type Damage, guardKey } from "../authority/guard.ts";
import type { WebhookConfiguration } from "../config/settings.ts";

export interface ProcessMeters {
  readonly restored: (configuration: WebhookConfiguration, damage: Damage) => void;
}

export interface ProcessGauges {
  /** Whether API servers that go by the configuration ask this replica, and believe it. */
  readonly isIntact: (configuration: WebhookConfiguration) => boolean;
  readonly certificateEndsMs: () => number | undefined;
  readonly eventsDropped: () => number;
}

export function processMeters(
  registry: Registry,
  configurations: readonly WebhookConfiguration[],
  gauges: ProcessGauges,
): ProcessMeters {
  const restored = new Counter({
    name: "sallyport_webhook_configurations_restored_total",
    help: "What the leader has put right about a webhook configuration; caBundle counts installation and rotation too.",
    labelNames: ["configuration", "damage"],
    registers: [registry],
  });
  const intact = new Gauge({
    name: "sallyport_webhook_configuration_intact",
    help: "1 while a webhook configuration is there, fails closed, and trusts this replica's certificate.",
    labelNames: ["configuration"],
    registers: [],
    collect() {
      for (const each of configurations)
        this.set({ configuration: guardKey(each) }, Number(gauges.isIntact(each)));
    },
  });
  registry.registerMetric(intact);
  lookedUp(
    registry,
    "sallyport_serving_certificate_ends_seconds",
    "Unix time at which the serving certificate ends.",
    () => (gauges.certificateEndsMs() ?? Number.NaN) / 1_000,
  );
  lookedUp(
    registry,
    "sallyport_events_dropped",
    "Events for people that could not be recorded.",
    gauges.eventsDropped,
  );
  lookedUp(registry, "sallyport_operator_resident_bytes", "Memory of the process.", () =>
    process.memoryUsage.rss(),
  );
  return {
    restored: (configuration, damage) => restored.inc({ configuration: guardKey(configuration), damage }),
  };
}
