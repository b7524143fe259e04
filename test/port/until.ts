/** Resolves when the condition holds. A test that waits for what never comes ends with the runner's own timeout. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
