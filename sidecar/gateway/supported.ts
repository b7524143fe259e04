/** What this data plane can carry out. A policy that demands more is refused, not half obeyed. */
import type { Supported } from "#core/policy/obligations.ts";

export const SUPPORTED: Supported = {
  maskActions: ["redact", "nullify"],
  limits: ["rows", "bytes", "statements", "sessionSeconds", "concurrentSessions"],
  // Without lineage there is no parent that could end.
  whenParentEnds: ["finish", "end"],
};
