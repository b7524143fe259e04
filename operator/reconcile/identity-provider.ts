/** What is said of an identity provider: is it right, and can its tokens be checked. Pure. */
import { finding } from "./conditions.ts";
import { acceptedOf, isInForce, type JudgeConditions } from "./kind-world.ts";
import { readyOf } from "./ready.ts";

export const judgeIdentityProvider: JudgeConditions = (world) => {
  const keys = finding("KeysAvailable", isInForce(world) ? "BrokerNotConnected" : "NotLookedAt");
  const findings = [acceptedOf(world), keys];
  return { findings: [...findings, readyOf(findings)] };
};
