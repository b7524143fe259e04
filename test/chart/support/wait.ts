/** What a cluster does in its own time: asked again until it is so. */
import { setTimeout as pause } from "node:timers/promises";

const POLL_MS = 50;
const DEADLINE_MS = 20_000;

/** The first answer that is defined; throws what `last` makes of the wait when none comes. */
export async function eventually<Answer>(
  ask: () => Promise<Answer | undefined>,
  last: () => string,
): Promise<Answer> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadlineMs) throw new Error(last());
    await pause(POLL_MS);
  }
}
