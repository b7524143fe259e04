/** What is said of an identity provider: is it right, and can its tokens be checked. Pure. */
import type { KeysFinding } from "#broker/identity/keys.ts";
import { type Finding, finding, type ReasonOf } from "./conditions.ts";
import { acceptedOf, isInForce, type JudgeConditions, type KindWorld } from "./kind-world.ts";
import { readyOf } from "./ready.ts";

export const judgeIdentityProvider: JudgeConditions = (world) => {
  const findings = [acceptedOf(world), keysOf(world)];
  return { findings: [...findings, readyOf(findings)] };
};

/** Issuers are asked by the broker, which checks tokens. */
function keysOf(world: KindWorld): Finding {
  if (!isInForce(world)) return finding("KeysAvailable", "NotLookedAt");
  const { keys, enforcement } = world;
  if (keys !== undefined) return finding("KeysAvailable", FOUND[keys]);
  return finding("KeysAvailable", enforcement.replicas === 0 ? "BrokerNotConnected" : "BeingLookedAt");
}

const FOUND = {
  available: "Available",
  kept: "IssuerAway",
  unavailable: "IssuerUnreachable",
} as const satisfies Record<KeysFinding, ReasonOf<"KeysAvailable">>;
