/** The metrics of one worker. Labels come from closed sets: workers, listeners, protocols, outcomes and codes. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { BrokerPort } from "#core/port/port.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { lookedUp } from "#runtime/metrics.ts";
import type { MeteredListener, Meters } from "../gateway/meters.ts";
import { type Counted, type Tallies, type Tally, countOf, openTallies } from "./tallies.ts";

/** What is looked up at the moment of asking. */
export interface WorkerGauges {
  readonly isConnected: () => boolean;
  readonly windowFullness: () => number;
  readonly parser: () => { readonly instances: number; readonly broken: number };
}

export interface WorkerMetrics {
  readonly registry: Registry;
  readonly meters: Meters;
  /** The port's `append`, with the time that the trail takes to acknowledge measured. */
  measured(port: BrokerPort): Pick<BrokerPort, "append">;
}

const DECISION_SECONDS = [0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.01];
const ACKNOWLEDGE_SECONDS = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10];

export function openWorkerMetrics(worker: number, gauges: WorkerGauges): WorkerMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ worker: String(worker) });
  const meters = sessionMeters(registry);
  const acknowledged = new Histogram({
    name: "sallyport_trail_acknowledge_seconds",
    help: "Time until the trail has stored a batch of events.",
    buckets: ACKNOWLEDGE_SECONDS,
    registers: [registry],
  });
  lookedUp(registry, "sallyport_broker_connected", "Whether this worker is connected to the broker.", () =>
    Number(gauges.isConnected()),
  );
  lookedUp(
    registry,
    "sallyport_trail_window_fullness",
    "Events that the trail has not acknowledged yet, by size; at 1 this worker reads no more from its clients.",
    gauges.windowFullness,
  );
  lookedUp(registry, "sallyport_parser_starts", "Statement parsers that this worker has started.", () => {
    return gauges.parser().instances;
  });
  lookedUp(
    registry,
    "sallyport_parser_faults",
    "Statement parsers that broke on a text and were replaced.",
    () => {
      return gauges.parser().broken;
    },
  );
  lookedUp(registry, "sallyport_resident_bytes", "Memory of the process.", () => process.memoryUsage.rss());
  registry.registerMetric(processorTime());
  return { registry, meters, measured: (port) => measuredPort(port, acknowledged) };
}

function processorTime(): Counter {
  return new Counter({
    name: "sallyport_cpu_seconds_total",
    help: "Processor time of the process.",
    registers: [],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1_000_000);
    },
  });
}

function sessionMeters(registry: Registry): Meters {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const open = new Gauge({
    name: "sallyport_sessions_open",
    help: "Sessions that are open.",
    labelNames: ["listener", "connection"],
    registers,
  });
  const ended = counter(
    "sallyport_sessions_ended_total",
    "Sessions that have ended, by the code of their end.",
    ["listener", "connection", "code"],
  );
  const refused = counter(
    "sallyport_clients_refused_total",
    "Clients that were refused before they had a session.",
    ["listener", "connection", "code"],
  );
  const tallies = openTallies();
  const counted = talliedCounters(registry, tallies);
  counted(
    "sallyport_requests_total",
    "Requests, by what was decided of them.",
    [...OF_REQUESTS, "outcome", "code"],
    ({ decided }) => decided.values(),
  );
  const seconds = new Histogram({
    name: "sallyport_decision_seconds",
    help: "Time that policy takes to decide a request that the session has not asked before.",
    buckets: [...DECISION_SECONDS],
    registers,
  });
  counted("sallyport_result_rows_total", "Rows of results.", OF_REQUESTS, ({ labels, rows }) => [
    { labels, count: rows },
  ]);
  counted("sallyport_result_bytes_total", "Bytes of results.", OF_REQUESTS, ({ labels, bytes }) => [
    { labels, count: bytes },
  ]);
  counted(
    "sallyport_masked_values_total",
    "Values that a mask replaced.",
    OF_REQUESTS,
    ({ labels, maskedValues }) => [{ labels, count: maskedValues }],
  );
  return {
    turnedAway: (listener, code) => refused.inc({ ...arrivedAt(listener), code }),
    opened: (listener) => open.inc(arrivedAt(listener)),
    ended: (listener, code) => {
      open.dec(arrivedAt(listener));
      ended.inc({ ...arrivedAt(listener), code });
    },
    requests: (of) => {
      const tally = tallies.of(of);
      return {
        decided: (outcome, code) => countOf(tally, outcome, code),
        took: (ms) => seconds.observe(ms / 1_000),
        result: ({ rows, bytes, maskedValues }) => {
          tally.rows += rows;
          tally.bytes += bytes;
          tally.maskedValues += maskedValues;
        },
      };
    },
  };
}

const OF_REQUESTS = ["protocol", "connection"] as const;

/** Counters that take over what was tallied when somebody looks at them. */
function talliedCounters(registry: Registry, tallies: Tallies) {
  return (
    name: string,
    help: string,
    labelNames: readonly string[],
    countsOf: (tally: Tally) => Iterable<Counted>,
  ): void => {
    const collect = function (this: Counter): void {
      this.reset();
      for (const tally of tallies.all())
        for (const { labels, count } of countsOf(tally)) this.inc({ ...labels }, count);
    };
    registry.registerMetric(new Counter({ name, help, labelNames, registers: [], collect }));
  };
}

type ListenerLabels = Record<"listener" | "connection", string>;

function arrivedAt({ name, connection }: MeteredListener): ListenerLabels {
  return { listener: name, connection: sayConnection(connection) };
}

/** There are no more of them than the plan has. */
function sayConnection({ namespace, name }: MeteredListener["connection"]): string {
  return `${namespace}/${name}`;
}

function measuredPort(port: BrokerPort, seconds: Histogram): Pick<BrokerPort, "append"> {
  return {
    append: async (batch, signal) => {
      const startMs = performance.now();
      const answer = await port.append(batch, signal);
      if (!isRefusal(answer)) seconds.observe((performance.now() - startMs) / 1_000);
      return answer;
    },
  };
}
