/** What is known of one object of our kinds when its conditions are found. */
import { sayErrors } from "../admission/kinds/judge.ts";
import type { Standing } from "../desired/desired.ts";
import type { Names } from "../desired/relations.ts";
import type { CredentialFinding } from "../broker/report.ts";
import type { KeysFinding } from "#broker/identity/keys.ts";
import type { OwnKind } from "../kube/resource.ts";
import { type Finding, finding } from "./conditions.ts";
import type { Registration } from "./registration.ts";
import type { Enforcement } from "./reports.ts";

export interface KindWorld {
  readonly object: OwnKind;
  readonly standing: Standing;
  /** Connections that a policy speaks of, or closes. */
  readonly selects: Names | undefined;
  /** Policies that speak of a Connection. */
  readonly selectedBy: Names | undefined;
  /** Broken policies that close a Connection. */
  readonly closedBy: Names | undefined;
  /** Whether the broker has been given its rights in the object's namespace. */
  readonly isInEnforcedNamespace: boolean;
  /** What the broker's replicas report of this version. */
  readonly enforcement: Enforcement;
  readonly credential: CredentialFinding | undefined;
  /** Of a WorkloadController. */
  readonly registration: Registration | undefined;
  readonly keys: KeysFinding | undefined;
  /** Classes of gateways that it is closed to, for want of room in their plans. */
  readonly leftOut: number;
  readonly nowMs: number;
}

export interface Judged {
  readonly findings: readonly Finding[];
  /** `198/200`: gateways that apply the policy, of those that it concerns. */
  readonly enforcedBy?: string | undefined;
  /** The time alone will change the answer then. */
  readonly changesAtMs?: number | undefined;
}

export type JudgeConditions = (world: KindWorld) => Judged;

export function acceptedOf({ standing }: KindWorld): Finding {
  const { state, keptGeneration } = standing;
  if (state === "good") return finding("Accepted", "Valid");
  const errors = sayErrors(standing.findings.filter(({ severity }) => severity === "error"));
  if (state === "broken") return finding("Accepted", "Invalid", errors);
  return finding(
    "Accepted",
    "InvalidLastGoodKept",
    `${errors}. Generation ${keptGeneration} stays in force.`,
  );
}

export function sayClasses(classes: number): string {
  return `for ${classes} ${classes === 1 ? "service account" : "service accounts"} with pods that run`;
}

/** A version that is kept is used, and what it uses has to be there. */
export function isInForce({ standing }: KindWorld): boolean {
  return standing.state !== "broken";
}
