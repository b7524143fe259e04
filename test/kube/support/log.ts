/** A log that keeps its lines. */
import { type Log, openLog } from "#runtime/log.ts";

export interface KeptLog {
  readonly log: Log;
  readonly lines: readonly string[];
}

export function keptLog(): KeptLog {
  const lines: string[] = [];
  return { log: openLog({ write: (line) => lines.push(line), nowMs: Date.now, level: "debug" }), lines };
}
