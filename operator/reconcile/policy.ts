/** What is said of a policy or guardrail: does it compile, whom does it reach, is it applied, has it ended. Pure. */
import { parseInstantMs } from "#core/policy/instant.ts";
import { sayNames } from "../desired/relations.ts";
import { isRecord } from "../kube/error.ts";
import { type Finding, finding } from "./conditions.ts";
import { acceptedOf, isInForce, type JudgeConditions, type KindWorld, sayClasses } from "./kind-world.ts";
import { readyOf } from "./ready.ts";

export const judgePolicy: JudgeConditions = (world) => {
  const findings = [acceptedOf(world), selectingOf(world), enforcedOf(world)];
  const expiresMs = expiryOf(world);
  const enforcedBy = enforcedByOf(world);
  const isOver = expiresMs !== undefined && world.nowMs >= expiresMs;
  const ready = isOver ? finding("Ready", "Expired") : readyOf(findings);
  return { findings: [...findings, ready], enforcedBy, changesAtMs: isOver ? undefined : expiresMs };
};

function selectingOf(world: KindWorld): Finding {
  const { selects } = world;
  if (selects === undefined) return finding("Selecting", "NoConnection");
  const names = sayNames("Connection", "Connections", selects);
  return finding("Selecting", "ConnectionsSelected", isInForce(world) ? names : `closes ${names}`);
}

function enforcedOf(world: KindWorld): Finding {
  const { applied, concerned, replicas, behind } = world.enforcement;
  if (!isInForce(world)) return finding("Enforced", "NotLookedAt");
  if (replicas === 0) return finding("Enforced", "BrokerNotConnected");
  if (world.leftOut > 0) return finding("Enforced", "PlanTooLarge", sayClasses(world.leftOut));
  return finding("Enforced", behind === 0 && applied === concerned ? "AppliedByAll" : "Applying");
}

function enforcedByOf(world: KindWorld): string | undefined {
  const { applied, concerned, replicas } = world.enforcement;
  return replicas === 0 || !isInForce(world) ? undefined : `${applied}/${concerned}`;
}

function expiryOf({ object: { spec } }: KindWorld): number | undefined {
  const expires = isRecord(spec) ? spec["expires"] : undefined;
  return typeof expires === "string" ? parseInstantMs(expires) : undefined;
}
