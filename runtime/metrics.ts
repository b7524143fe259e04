/** Metrics of several processes on one page. Each process hands over its own as text; the page is made of what is known. */
import {
  AggregatorRegistry,
  Gauge,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from "prom-client";

export type MetricSamples = MetricObjectWithValues<MetricValue<string>>;

const SAMPLES_MAX = 20_000;

/** A number that is looked up whenever somebody asks for it. */
export function lookedUp(registry: Registry, name: string, help: string, value: () => number): void {
  const gauge = new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(value());
    },
  });
  registry.registerMetric(gauge);
}

export async function metricsText(registry: Registry): Promise<string> {
  return JSON.stringify(await registry.getMetricsAsJSON());
}

/** Undefined for what is no such text; metrics whose names are not `known` are left out. */
export function readMetrics(text: string, known: ReadonlySet<string>): readonly MetricSamples[] | undefined {
  const parsed = parse(text);
  if (!Array.isArray(parsed) || !parsed.every(isMetric)) return undefined;
  if (parsed.reduce((sum, { values }) => sum + values.length, 0) > SAMPLES_MAX) return undefined;
  return parsed.filter(({ name }) => known.has(name));
}

/** One page; what two processes call by one name and the same labels is added up. */
export async function page(
  parts: readonly (readonly MetricSamples[])[],
): Promise<{ readonly contentType: string; readonly text: string }> {
  const merged = AggregatorRegistry.aggregate(parts.map((part) => [...part]));
  return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, text: await merged.metrics() };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

function isMetric(value: unknown): value is MetricSamples {
  if (typeof value !== "object" || value === null) return false;
  const { name, help, type, aggregator, values } = value as Record<string, unknown>;
  return (
    [name, help, type, aggregator].every((text) => typeof text === "string") &&
    Array.isArray(values) &&
    values.every(isSample)
  );
}

function isSample(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { value: number, labels } = value as Record<string, unknown>;
  return typeof number === "number" && typeof labels === "object" && labels !== null;
}
