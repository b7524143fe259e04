/** Numbers with their units, as short as they can be read. */
import type { Unit } from "../dashboard.ts";

const round = (value: number): string => String(Number(value.toPrecision(3)));

const scaled = (value: number, by: number, units: readonly string[]): string => {
  const steps = Math.min(units.length - 1, value < by ? 0 : Math.floor(Math.log(value) / Math.log(by)));
  return `${round(value / by ** steps)}${units[steps] ?? ""}`;
};

const seconds = (value: number): string => {
  if (value === 0 || value >= 1) return `${round(value)} s`;
  return value >= 0.001 ? `${round(value * 1_000)} ms` : `${round(value * 1_000_000)} µs`;
};

const SAID = {
  short: (value) => scaled(value, 1_000, ["", "k", "M", "G"]),
  reqps: (value) => `${round(value)} req/s`,
  ops: (value) => `${scaled(value, 1_000, ["", "k", "M", "G"])}/s`,
  s: seconds,
  bytes: (value) => scaled(value, 1_024, [" B", " KiB", " MiB", " GiB"]),
  binBps: (value) => `${scaled(value, 1_024, [" B", " KiB", " MiB", " GiB"])}/s`,
  percentunit: (value) => `${round(value * 100)} %`,
  bool: (value) => (value === 1 ? "yes" : "no"),
} satisfies Record<Unit, (value: number) => string>;

export function say(value: number, unit: Unit): string {
  return SAID[unit](value);
}

const STEPS = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10] as const;

/** The end of an axis that has room for the value, and whose half is said in few digits too. */
export function roundedUp(value: number, unit: Unit): number {
  if (!(value > 0)) return 1;
  const by = unit === "bytes" || unit === "binBps" ? 1_024 : 1;
  const base = by === 1 ? 1 : by ** Math.max(0, Math.floor(Math.log(value) / Math.log(by)));
  const decade = 10 ** Math.floor(Math.log10(value / base));
  const step = STEPS.find((each) => each * decade * base >= value * (1 - Number.EPSILON * 8)) ?? 10;
  return step * decade * base;
}
