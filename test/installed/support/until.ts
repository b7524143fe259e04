import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

const WAIT_MS_MAX = 120_000;
const POLL_MS = 100;

export async function until(
  what: string,
  isSo: () => Promise<boolean>,
  waitMsMax = WAIT_MS_MAX,
): Promise<void> {
  for (const deadlineMs = Date.now() + waitMsMax; !(await isSo()); await pause(POLL_MS))
    assert.ok(Date.now() < deadlineMs, `not ${what}`);
}
