/** Attacks that are a pod: of the fragment, made in a labelled namespace. */
import type { V1Pod } from "@kubernetes/client-node";
import type { Attack } from "./attack.ts";
import { isTrusted, made, type Stage } from "./stage.ts";

type PodAttack = Omit<Attack, "attempt" | "twin"> & {
  readonly pod: string;
  /** Of a pod that was let in. Left out: a pod whose gateway nobody would trust is what the attacker wants. */
  readonly hasWorked?: (pod: V1Pod, stage: Stage) => boolean;
  readonly harmless?: string;
};

export function podAttack({ pod, hasWorked = isUnguarded, harmless, ...rest }: PodAttack): Attack {
  return {
    ...rest,
    attempt: async (stage) => hasWorked(await made(stage, pod), stage),
    ...(harmless === undefined ? {} : { twin: (stage) => made(stage, harmless) }),
  };
}

const isUnguarded = (pod: V1Pod, stage: Stage): boolean => !isTrusted(stage, pod);
