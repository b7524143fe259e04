/** What the page of metrics says of the agents whose gateways are connected to this replica: one series of each for an agent. */
import { Gauge, type Registry } from "prom-client";
import { agentsAbove } from "../lineage/lineage.ts";
import type { BrokerStatus, WorkerStatus } from "../broker.ts";
import type { PodName } from "../pods/pods.ts";

type Known = WorkerStatus & { readonly pod: NonNullable<WorkerStatus["pod"]> };

export function agentGauges(registry: Registry, status: () => Pick<BrokerStatus, "workers">): void {
  const agents = (): readonly Known[] =>
    status().workers.flatMap((worker) =>
      worker.pod === undefined || !worker.isAttached ? [] : [{ ...worker, pod: worker.pod }],
    );
  const info = new Gauge({
    name: "sallyport_agent_info",
    help: "1 for each agent whose gateway is connected, with who launched it and the first agent of its family.",
    labelNames: ["agent", "launched_by", "family", "generation"],
    registers: [],
    collect() {
      this.reset();
      for (const agent of agents()) this.set({ agent: sayPod(agent.pod), ...kinOf(agent) }, 1);
    },
  });
  const applied = new Gauge({
    name: "sallyport_agent_plan_applied",
    help: "Whether the agent's gateway has put the plan in force that it shall.",
    labelNames: ["agent"],
    registers: [],
    collect() {
      this.reset();
      for (const { pod, isCurrent } of agents()) this.set({ agent: sayPod(pod) }, Number(isCurrent));
    },
  });
  registry.registerMetric(info);
  registry.registerMetric(applied);
}

function kinOf({ pod, ancestors }: Known): Record<"launched_by" | "family" | "generation", string> {
  // Until it has asked for something nobody has looked at who is above it.
  if (ancestors === undefined) return { launched_by: "unknown", family: "unknown", generation: "unknown" };
  const above = agentsAbove(ancestors);
  const [parent] = above;
  return {
    launched_by: parent === undefined ? (ancestors.at(-1)?.kind ?? "unknown") : sayPod(parent),
    family: sayPod(above.at(-1) ?? pod),
    generation: String(above.length),
  };
}

const sayPod = ({ namespace, name }: PodName): string => `${namespace}/${name}`;
