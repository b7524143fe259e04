/** Figures as lines of a table. */
export function tell(what: string, value: string): void {
  console.log(`${what.padEnd(48)} ${value}`);
}

export function quantile(of: readonly number[], share: number): number {
  const sorted = of.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
