/** One line of JSON for each step, with what the driver saw. */
export function say(step: string, saw: unknown): void {
  console.log(JSON.stringify({ step, saw }));
}

/** Where to connect, from libpq's own variables. */
export function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}
