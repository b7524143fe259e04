/** promtool as a user types it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { prometheusProblem } from "#tools/monitoring/prometheus.ts";

const PROMTOOL_MS_MAX = 120_000;

/** For `describe(…, { skip: skipWithoutPrometheus() }, …)`: its programs may be missing on a laptop, and never in CI. */
export function skipWithoutPrometheus(): string | false {
  const problem = prometheusProblem();
  if (problem === undefined) return false;
  if (process.env["CI"] === "true") throw new Error(problem);
  return problem;
}

/** Does not throw when it finds something: the code and what it said are the answer. */
export async function promtool(
  words: readonly string[],
): Promise<{ readonly code: number | null; readonly said: string }> {
  const child = spawn("promtool", words, {
    stdio: ["ignore", "pipe", "pipe"],
    signal: AbortSignal.timeout(PROMTOOL_MS_MAX),
  });
  const closed = once(child, "close");
  const [[code], out, err] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
  return { code: code as number | null, said: out + err };
}
