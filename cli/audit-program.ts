/** The trail's commands by themselves, for the image of the broker: `node audit.js tail DIR`. */
import { auditGrep } from "./audit-grep.ts";
import { auditShow } from "./audit-show.ts";
import { auditTail } from "./audit-tail.ts";
import { auditVerify } from "./audit-verify.ts";
import { runProgram } from "./program.ts";

await runProgram({
  program: { name: "sallyport audit", summary: "what is on record" },
  commands: { tail: auditTail, grep: auditGrep, show: auditShow, verify: auditVerify },
});
