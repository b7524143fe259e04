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

/** What Ready says when a condition does not hold: known to be wrong, or not known. */
const WANTING = {
  Accepted: ["NotAccepted", "NotAccepted"],
  Selected: ["ClosedByPolicy", "ClosedByPolicy"],
  CredentialAvailable: ["CredentialUnavailable", "CredentialUnknown"],
  Enforced: ["EnforcementUnknown", "EnforcementUnknown"],
  Believed: ["NotBelieved", "NotBelieved"],
  KeysAvailable: ["KeysUnavailable", "KeysUnknown"],
} as const satisfies Partial<Record<ConditionType, readonly [False: ReadyReason, Unknown: ReadyReason]>>;

/** Where one reason of a condition takes another than the rest of them. */
const OF_REASON: Readonly<Record<string, ReadyReason>> = { PlanTooLarge: "ClosedForRoom" };

type Wanting = keyof typeof WANTING;

export function readyOf(findings: readonly Finding[]): Finding {
  const wanting = findings.filter((found) => statusOf(found) !== "True" && !isAside(found));
  // What is known to be wrong is told before what is not known.
  const worst = wanting.find((found) => statusOf(found) === "False") ?? wanting[0];
  if (worst === undefined) return finding("Ready", "AllHold");
  if (!isWanting(worst.type)) throw new Error(`Ready has no reason for ${worst.type}`);
  const [whenFalse, whenUnknown] = WANTING[worst.type];
  const reason = OF_REASON[worst.reason] ?? (statusOf(worst) === "False" ? whenFalse : whenUnknown);
  return finding("Ready", reason, `${worst.type}: ${worst.message}`);
}

function isWanting(type: ConditionType): type is Wanting {
  return type in WANTING;
}

function isAside(found: Finding): boolean {
  return reasonOf(found.type, found.reason).aside === true;
}
