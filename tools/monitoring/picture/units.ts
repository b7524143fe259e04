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
