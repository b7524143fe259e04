/** What is said of a registered controller: is it right, and is it believed. Pure. */
import { finding } from "./conditions.ts";
import { acceptedOf, isInForce, type JudgeConditions } from "./kind-world.ts";
import { readyOf } from "./ready.ts";

/** Rights are given by people, and nobody tells when. */
const LOOK_AGAIN_MS = 30_000;

export const judgeWorkloadController: JudgeConditions = (world) => {
  const findings = [acceptedOf(world), believedOf(world)];
  const isLookedAt = isInForce(world) && (world.registration?.unreadable.length ?? 0) > 0;
  return {
    findings: [...findings, readyOf(findings)],
    ...(isLookedAt ? { changesAtMs: world.nowMs + LOOK_AGAIN_MS } : {}),
  };
};

function believedOf(world: Parameters<JudgeConditions>[0]) {
  const { registration } = world;
  if (!isInForce(world) || registration === undefined) return finding("Believed", "NotLookedAt");
  if (registration.isAgent) return finding("Believed", "AccountIsAgent");
  const { unreadable } = registration;
  if (unreadable.length === 0) return finding("Believed", "Registered");
  return finding(
    "Believed",
    "OwnersUnreadable",
    `${unreadable.map(({ account, resource }) => `${account} may not get ${resource}`).join("; ")}. What is made for them is refused.`,
  );
}
