/** Every command of `kubectl sallyport`; as in cli/commands.ts, a row here and a file beside it. */
import type { Program } from "../frame/command.ts";
import type { CommandTable } from "../frame/run.ts";
import { diagnose } from "./diagnose.ts";
import { explain } from "./explain.ts";
import { kill } from "./kill.ts";
import { lineage } from "./lineage.ts";
import { sessions } from "./sessions.ts";
import { status } from "./status.ts";

export const KUBECTL_SALLYPORT: Program = {
  name: "kubectl sallyport",
  summary: "what Sallyport does in a cluster",
};

export const clusterCommands = { diagnose, explain, sessions, kill, status, lineage } satisfies CommandTable;
