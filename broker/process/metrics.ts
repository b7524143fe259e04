/** The metrics of the broker. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { lookedUp, metricsText } from "#runtime/metrics.ts";
import type { Broker } from "../broker.ts";
import type { BrokerMeters } from "../meters.ts";
import type { Trail } from "../trail/trail.ts";
import { agentGauges } from "./agents.ts";

export interface BrokerMetrics {
  readonly registry: Registry;
  text(): Promise<string>;
}

const EXCHANGE_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const APPLY_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

/** What the broker counts while it works; the rest is looked up in it. */
export function openBrokerMeters(): { readonly registry: Registry; readonly meters: BrokerMeters } {
  const registry = new Registry();
  const registers = [registry];
  const outcomes = new Counter({
    name: "sallyport_exchanges_total",
    help: "Credentials that were asked for, renewed, or asked for by token, by what came of it.",
    labelNames: ["operation", "code"],
    registers,
  });
  const seconds = new Histogram({
    name: "sallyport_exchange_seconds",
    help: "Time that it takes until somebody who asks for a credential has an answer.",
    labelNames: ["operation"],
    buckets: EXCHANGE_SECONDS,
    registers,
  });
  const enrolments = new Counter({
    name: "sallyport_enrolments_total",
    help: "Pods that asked for a certificate, by what came of it.",
    labelNames: ["code"],
    registers,
  });
  const applying = new Histogram({
    name: "sallyport_plan_apply_seconds",
    help: "Time from telling a data plane another plan until it has put that in force.",
    buckets: APPLY_SECONDS,
    registers,
  });
  return {
    registry,
    meters: {
      exchanged(operation, code, took) {
        outcomes.inc({ operation, code });
        seconds.observe({ operation }, took);
      },
      enrolled: (code) => enrolments.inc({ code }),
      applied: (took) => applying.observe(took),
    },
  };
}

export function openBrokerMetrics(
  broker: Pick<Broker, "status" | "leftOut">,
  trail: Pick<Trail, "health">,
  missing: () => readonly string[],
  { registry }: Pick<ReturnType<typeof openBrokerMeters>, "registry">,
): BrokerMetrics {
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
  lookedUp(
    registry,
    "sallyport_plan_left_out",
    "Connections that are closed to some data planes, since their plan has no room for them.",
    () => broker.leftOut().connections.size,
  );
  const applied = new Gauge({
    name: "sallyport_plan_applied",
    help: "Whether the worker has put the current plan in force.",
    labelNames: ["worker"],
    registers: [],
    collect() {
      this.reset();
      for (const { worker, pod, isCurrent } of broker.status().workers)
        if (pod === undefined) this.set({ worker }, Number(isCurrent));
    },
  });
  registry.registerMetric(applied);
  agentGauges(registry, () => broker.status());
  return { registry, text: () => metricsText(registry) };
}
