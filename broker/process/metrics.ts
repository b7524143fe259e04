/** The metrics of the broker. */
import { Gauge, Registry } from "prom-client";
import { lookedUp, metricsText } from "#runtime/metrics.ts";
import type { Broker } from "../broker.ts";
import type { Trail } from "../trail/trail.ts";

export interface BrokerMetrics {
  readonly registry: Registry;
  text(): Promise<string>;
}

export function openBrokerMetrics(
  broker: Pick<Broker, "status">,
  trail: Pick<Trail, "health">,
  missing: () => readonly string[],
): BrokerMetrics {
  const registry = new Registry();
  lookedUp(registry, "sallyport_leases", "Credentials that sessions hold.", () => broker.status().leases);
  lookedUp(
    registry,
    "sallyport_problems",
    "What is not as it should be: broken files, what they name and cannot be used, a trail that cannot be written.",
    () => missing().length,
  );
  lookedUp(registry, "sallyport_trail_ready", "Whether the trail can be written.", () =>
    Number(trail.health.state === "ready"),
  );
  const applied = new Gauge({
    name: "sallyport_plan_applied",
    help: "Whether the worker has put the current plan in force.",
    labelNames: ["worker"],
    registers: [],
    collect() {
      this.reset();
      const { planVersion, workers } = broker.status();
      for (const { worker, appliedVersion } of workers)
        this.set({ worker }, Number(appliedVersion === planVersion));
    },
  });
  registry.registerMetric(applied);
  return { registry, text: () => metricsText(registry) };
}
