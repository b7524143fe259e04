/** Waits for what is expected to come true, and says what did not. */
import { setTimeout as sleep } from "node:timers/promises";

const DEADLINE_MS = 20_000;
const LOOK_MS = 10;

export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await sleep(LOOK_MS);
  }
}
