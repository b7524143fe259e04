/** What Ready takes: every other condition of the object, but for reasons that are only told. Never True while one is not known. Pure. */
import {
  type ConditionType,
  type Finding,
  finding,
  type ReasonOf,
  reasonOf,
  statusOf,
} from "./conditions.ts";

type ReadyReason = ReasonOf<"Ready">;

/** What Ready says when a condition does not hold. */
const WANTING = {
  Accepted: "NotAccepted",
  Selected: "ClosedByPolicy",
  CredentialAvailable: "CredentialUnknown",
  Enforced: "EnforcementUnknown",
  KeysAvailable: "KeysUnknown",
} as const satisfies Partial<Record<ConditionType, ReadyReason>>;

export function readyOf(findings: readonly Finding[]): Finding {
  const wanting = findings.filter((found) => statusOf(found) !== "True" && !isAside(found));
  // What is known to be wrong is told before what is not known.
  const worst = wanting.find((found) => statusOf(found) === "False") ?? wanting[0];
  if (worst === undefined) return finding("Ready", "AllHold");
  const reason = Object.entries(WANTING).find(([type]) => type === worst.type)?.[1];
  if (reason === undefined) throw new Error(`Ready has no reason for ${worst.type}`);
  return finding("Ready", reason, `${worst.type}: ${worst.message}`);
}

function isAside(found: Finding): boolean {
  return reasonOf(found.type, found.reason).aside === true;
}
