/** Every command of the program; a row here and a file beside it is all that one needs. */
import { auditGrep } from "./audit-grep.ts";
import { auditRotateKey } from "./audit-rotate-key.ts";
import { auditShow } from "./audit-show.ts";
import { auditTail } from "./audit-tail.ts";
import { auditVerify } from "./audit-verify.ts";
import { explain } from "./explain.ts";
import type { Program } from "./frame/command.ts";
import type { CommandTable } from "./frame/run.ts";
import { gateway } from "./gateway.ts";
import { kill } from "./kill.ts";
import { lint } from "./lint.ts";
import { revokeLift } from "./revoke-lift.ts";
import { revokeList } from "./revoke-list.ts";
import { revokeSession } from "./revoke-session.ts";
import { revokeSubject } from "./revoke-subject.ts";
import { sessions } from "./sessions.ts";
import { status } from "./status.ts";
import { test } from "./test.ts";

export const SALLYPORT: Program = {
  name: "sallyport",
  summary: "credential-free, policy-enforced access for agents",
};

export const commands = {
  lint,
  explain,
  test,
  gateway,
  status,
  sessions,
  kill,
  "revoke subject": revokeSubject,
  "revoke session": revokeSession,
  "revoke list": revokeList,
  "revoke lift": revokeLift,
  "audit tail": auditTail,
  "audit grep": auditGrep,
  "audit show": auditShow,
  "audit verify": auditVerify,
  "audit rotate-key": auditRotateKey,
} satisfies CommandTable;
