/** One page of metrics for the whole gateway: of its broker, of each worker, and of the supervisor itself. */
import { Gauge, Registry } from "prom-client";
import { openBrokerMeters, openBrokerMetrics } from "#broker/process/metrics.ts";
import type { ToBrokerProcess } from "#broker/process/messages.ts";
import { type MetricSamples, page, readMetrics } from "#runtime/metrics.ts";
import type { Supervised } from "#runtime/supervised.ts";
import { openWorkerMetrics } from "#sidecar/process/metrics.ts";
import { openAnswers } from "./asking-metrics.ts";
import type { Crew } from "./workers.ts";

export interface SupervisorMetrics {
  page(): Promise<{ readonly contentType: string; readonly text: string }>;
  answered(id: number, text: string): void;
}

export interface MeasuredParts {
  readonly broker: Supervised<ToBrokerProcess>;
  readonly crew: Pick<Crew, "all">;
}

export function openSupervisorMetrics({ broker, crew }: MeasuredParts): SupervisorMetrics {
  const registry = new Registry();
  const all = (): readonly Supervised<never>[] => [broker, ...crew.all];
  registerOwn(registry, all);
  const answers = openAnswers(KNOWN_NAMES);
  return {
    async page() {
      const asked = all().map((process) => {
        const { tell } = process as unknown as Supervised<{ kind: "metrics"; id: number }>;
        return answers.ask((id) => tell.call(process, { kind: "metrics", id }));
      });
      const own = readMetrics(JSON.stringify(await registry.getMetricsAsJSON()), OWN_NAMES);
      const others = await Promise.all(asked);
      return page([own, ...others].filter((part): part is readonly MetricSamples[] => part !== undefined));
    },
    answered: answers.answered,
  };
}

function registerOwn(registry: Registry, all: () => readonly Supervised<never>[]): void {
  const gauge = (name: string, help: string, value: (process: Supervised<never>) => number): void => {
    registry.registerMetric(
      new Gauge({
        name,
        help,
        labelNames: ["process"],
        registers: [],
        collect() {
          for (const process of all()) this.set({ process: process.name }, value(process));
        },
      }),
    );
  };
  gauge("sallyport_process_up", "Whether the process runs.", ({ isRunning }) => Number(isRunning));
  gauge("sallyport_process_restarts", "How often the process was started again.", ({ restarts }) => restarts);
}

const silent = {
  isConnected: () => false,
  windowFullness: () => 0,
  parser: () => ({ instances: 0, broken: 0 }),
};
const idle = {
  status: () => ({ planVersion: undefined, workers: [], leases: 0, problems: [] }),
  leftOut: () => ({ connections: new Map(), policies: new Map() }),
};
const OWN = new Registry();
registerOwn(OWN, () => []);

/** Every metric that there is, from the very registries that make them. */
export const METRIC_REGISTRIES: readonly Registry[] = [
  OWN,
  openBrokerMetrics(idle, { health: { state: "ready" } }, () => [], openBrokerMeters()).registry,
  openWorkerMetrics(0, silent).registry,
];

const namesIn = (registry: Registry): readonly string[] =>
  registry.getMetricsAsArray().map(({ name }) => name);
const OWN_NAMES: ReadonlySet<string> = new Set(namesIn(OWN));
const KNOWN_NAMES: ReadonlySet<string> = new Set(METRIC_REGISTRIES.flatMap(namesIn));
