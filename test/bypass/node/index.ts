/** Every threat that is fought on a node, a file each. */
import type { LiveThreat } from "../support/duel.ts";
import type { NodeField } from "./support/field.ts";
import { KUBELETS_DOOR } from "./t14-kubelets-door.ts";
import { PROCESSES } from "./t15-processes.ts";
import { SHARED } from "./t19-shared-between-containers.ts";
import { STOLEN_TOKENS } from "./t41-stolen-tokens.ts";

export const NODE_THREATS: readonly LiveThreat<NodeField>[] = [
  KUBELETS_DOOR,
  PROCESSES,
  SHARED,
  STOLEN_TOKENS,
];
