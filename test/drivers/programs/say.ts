/** One line of JSON for each step, with what the driver saw. */
export function say(step: string, saw: unknown): void {
  process.stdout.write(`${JSON.stringify({ step, saw })}\n`);
}

/** Where to connect, from libpq's own variables. */
export function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}
