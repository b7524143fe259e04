/** What is said of a Connection: is it right, is there a credential, does anybody's policy speak of it. Pure. */
import { sayNames } from "../desired/relations.ts";
import { isRecord } from "../kube/error.ts";
import type { CredentialFinding } from "../broker/report.ts";
import { type Finding, finding, type ReasonOf } from "./conditions.ts";
import { acceptedOf, isInForce, type JudgeConditions, type KindWorld, sayClasses } from "./kind-world.ts";
import { readyOf } from "./ready.ts";

export const judgeConnection: JudgeConditions = (world) => {
  const findings = [acceptedOf(world), credentialOf(world), selectedOf(world)];
  return { findings: [...findings, readyOf(findings)] };
};

/** Whether a Secret is there is for the broker to say: the operator may read none. */
function credentialOf(world: KindWorld): Finding {
  if (!isInForce(world)) return finding("CredentialAvailable", "NotLookedAt");
  const { spec } = world.object;
  const credential = isRecord(spec) && isRecord(spec["credential"]) ? spec["credential"] : {};
  // Of a version that is kept this object no longer says what it needs.
  if (world.standing.state === "good" && credential["mode"] === "none")
    return finding("CredentialAvailable", "NotNeeded");
  if (!world.isInEnforcedNamespace) return finding("CredentialAvailable", "NamespaceNotEnforced");
  const { credential: found, enforcement } = world;
  if (found !== undefined) return finding("CredentialAvailable", FOUND[found]);
  if (enforcement.replicas === 0) return finding("CredentialAvailable", "BrokerNotConnected");
  const isMade = isRecord(credential["source"]) && credential["source"]["kubernetesToken"] !== undefined;
  return finding("CredentialAvailable", isMade ? "MadeWhenUsed" : "BeingLookedAt");
}

const FOUND = {
  available: "Available",
  missing: "SecretMissing",
  "not-permitted": "SecretNotPermitted",
  unusable: "SecretUnusable",
  unavailable: "SecretUnreadable",
} as const satisfies Record<CredentialFinding, ReasonOf<"CredentialAvailable">>;

function selectedOf({ selectedBy, closedBy, leftOut }: KindWorld): Finding {
  if (closedBy !== undefined) {
    const broken = sayNames("broken policy closes it", "broken policies close it", closedBy);
    return finding("Selected", "ClosedByBrokenPolicy", broken);
  }
  if (leftOut > 0) return finding("Selected", "PlanTooLarge", sayClasses(leftOut));
  if (selectedBy === undefined) return finding("Selected", "NoPolicySelects");
  const policies = sayNames("policy speaks of it", "policies speak of it", selectedBy);
  return finding("Selected", "PoliciesSelect", policies);
}
