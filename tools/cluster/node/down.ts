/** `make cluster-down`: ends what `make cluster` left standing. */
import { setTimeout as pause } from "node:timers/promises";
import { isOrphaned } from "../owner.ts";
import { findStanding } from "./standing.ts";

const GONE_MS_MAX = 60_000;
const POLL_MS = 20;

const standing = await findStanding();
if (standing === undefined) process.stderr.write("cluster: there is none\n");
else {
  process.kill(standing.pid, "SIGTERM");
  for (const deadlineMs = Date.now() + GONE_MS_MAX; !isOrphaned(standing.mark); await pause(POLL_MS))
    if (Date.now() > deadlineMs) throw new Error(`its keeper, process ${standing.pid}, does not end`);
}
