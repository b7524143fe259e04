/** Every command of `kubectl sallyport`; as in cli/commands.ts, a row here and a file beside it. */
import type { Program } from "../frame/command.ts";
import type { CommandTable } from "../frame/run.ts";
import { diagnose } from "./diagnose.ts";
import { explain } from "./explain.ts";
import { kill } from "./kill.ts";
import { lineage } from "./lineage.ts";
import { revokeLift } from "./revoke/lift.ts";
import { revokeList } from "./revoke/list.ts";
import { revokePod } from "./revoke/pod.ts";
import { revokeServiceAccount } from "./revoke/service-account.ts";
import { revokeSubtree } from "./revoke/subtree.ts";
import { sessions } from "./sessions.ts";
import { status } from "./status.ts";

export const KUBECTL_SALLYPORT: Program = {
  name: "kubectl sallyport",
  summary: "what Sallyport does in a cluster",
};

export const clusterCommands = {
  diagnose,
  explain,
  sessions,
  kill,
  "revoke pod": revokePod,
  "revoke serviceaccount": revokeServiceAccount,
  "revoke subtree": revokeSubtree,
  "revoke list": revokeList,
  "revoke lift": revokeLift,
  status,
  lineage,
} satisfies CommandTable;
