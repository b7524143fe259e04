import type { PodFinding } from "./contract.ts";
import { RULES } from "./rules/index.ts";
import type { PodView } from "./view.ts";

/** More than anyone mends at once; a pod may have thousands of mounts. */
export const FINDINGS_MAX = 64;

export function judge(view: PodView): readonly PodFinding[] {
  return Object.entries(RULES)
    .flatMap(([rule, { fix, find }]) =>
      find(view).map(({ field, message, fix: special }) => ({ field, rule, message, fix: special ?? fix })),
    )
    .slice(0, FINDINGS_MAX);
}
