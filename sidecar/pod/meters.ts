/** What the gateway of a pod counts. Labels come from closed sets. */
import { Counter, Registry } from "prom-client";
import type { RefusalCode } from "#core/values/refusal.ts";
import { lookedUp } from "#runtime/metrics.ts";
import type { Farewell } from "./converse.ts";
import type { Outcome } from "./names/service.ts";

export interface PodMeters {
  readonly registry: Registry;
  farewell(farewell: Farewell, code: string): void;
  overload(): void;
  /** The broker would not have this pod. */
  notWelcome(code: RefusalCode): void;
  dns(transport: "udp" | "tcp", outcome: Outcome): void;
}

export function openMeters(openCount: () => number, restarts: number): PodMeters {
  const registry = new Registry();
  const registers = [registry];
  const captured = new Counter({
    name: "sallyport_captured_total",
    help: "Captured connections that led nowhere, by why, what they spoke and how they were let go.",
    labelNames: ["code", "spoken", "how"],
    registers,
  });
  const questions = new Counter({
    name: "sallyport_dns_questions_total",
    help: "Questions to name servers, by what was answered.",
    labelNames: ["transport", "outcome"],
    registers,
  });
  const refusals = new Counter({
    name: "sallyport_broker_refusals_total",
    help: "How often the broker would not have this pod, by why.",
    labelNames: ["code"],
    registers,
  });
  lookedUp(
    registry,
    "sallyport_gateway_restarts",
    "How often the gateway was started again in its container.",
    () => restarts,
  );
  lookedUp(
    registry,
    "sallyport_captured_open",
    "Captured connections that are being told why not.",
    openCount,
  );
  return {
    registry,
    farewell: (farewell, code) =>
      captured.inc({ code, spoken: "spoken" in farewell ? farewell.spoken : "nothing", how: farewell.how }),
    overload: () => captured.inc({ code: "LIMIT_GATEWAY", spoken: "nothing", how: "overload" }),
    notWelcome: (code) => refusals.inc({ code }),
    dns: (transport, outcome) => questions.inc({ transport, outcome }),
  };
}
