/** What the gateway of a pod counts. Labels come from closed sets. */
import { Counter, Registry } from "prom-client";
import { lookedUp } from "#runtime/metrics.ts";
import type { Farewell } from "./converse.ts";

export interface PodMeters {
  readonly registry: Registry;
  farewell(farewell: Farewell): void;
  overload(): void;
  dns(transport: "udp" | "tcp"): void;
}

export function openMeters(openCount: () => number): PodMeters {
  const registry = new Registry();
  const registers = [registry];
  const captured = new Counter({
    name: "sallyport_captured_total",
    help: "Captured connections that were let go, by what they spoke and how they were let go.",
    labelNames: ["spoken", "how"],
    registers,
  });
  const questions = new Counter({
    name: "sallyport_dns_refused_total",
    help: "Questions to name servers that were refused.",
    labelNames: ["transport"],
    registers,
  });
  lookedUp(registry, "sallyport_captured_open", "Captured connections that are open.", openCount);
  lookedUp(
    registry,
    "sallyport_broker_connected",
    "Whether the gateway is connected to the broker.",
    () => 0,
  );
  lookedUp(registry, "sallyport_resident_bytes", "Memory of the process.", () => process.memoryUsage.rss());
  return {
    registry,
    farewell: (farewell) =>
      captured.inc({ spoken: "spoken" in farewell ? farewell.spoken : "nothing", how: farewell.how }),
    overload: () => captured.inc({ spoken: "nothing", how: "overload" }),
    dns: (transport) => questions.inc({ transport }),
  };
}
