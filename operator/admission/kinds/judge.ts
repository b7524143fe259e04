/**
 * What is wrong with one object of our kinds: the reader's findings, the compiler's, and what only holds in a cluster.
 * The webhook refuses by it and the reconcilers report by it, so they cannot disagree.
 */
import type { Neighbours } from "#core/api/cross-check.ts";
import type { Diagnostic } from "#core/api/diagnostic.ts";
import type { Connection, IdentityProvider, WorkloadController } from "#core/api/kinds.gen.ts";
import { loadKinds } from "#core/api/load.ts";
import type { PolicySource } from "#core/api/loaded.ts";
import { compilePolicy } from "#core/policy/compile-policy.ts";
import { documentOf } from "./document.ts";
import { hostReferences } from "./host-references.ts";

/** What became of the object. Something that the reader knows but no cluster keeps is `other`. */
export type Judged =
  | { readonly kind: "connection"; readonly connection: Connection | undefined }
  | { readonly kind: "policy"; readonly source: PolicySource }
  | { readonly kind: "identityProvider"; readonly provider: IdentityProvider | undefined }
  | { readonly kind: "workloadController"; readonly controller: WorkloadController | undefined }
  | { readonly kind: "other" };

export type Judgement = Judged & { readonly findings: readonly KindFinding[] };

export interface KindFinding {
  /** Errors refuse the object; warnings are told to its author. */
  readonly severity: Diagnostic["severity"];
  readonly code: string;
  /** `spec.allow[0].postgres.tables[2]`; empty when the whole object is meant. */
  readonly field: string;
  readonly message: string;
}

/** What can only be said by whoever knows what else there is. */
const OF_NEIGHBOURS = new Set(["UNKNOWN_CONNECTION", "UNKNOWN_PROVIDER"]);

/** `origin` ties versions of the object together: its uid. Without neighbours nothing is said of what the object names. */
export function judgeKind(object: unknown, origin: string, neighbours?: Neighbours): Judgement {
  const loaded = loadKinds([documentOf(object, origin)], neighbours);
  const read = loaded.diagnostics
    .filter(({ code }) => neighbours !== undefined || !OF_NEIGHBOURS.has(code))
    .map(ofDiagnostic);
  const [connection] = loaded.connections;
  const [provider] = loaded.identityProviders;
  const [controller] = loaded.workloadControllers;
  const [source] = loaded.policies;
  if (source !== undefined) {
    return { kind: "policy", source, findings: [...read, ...compilerFindings(source)] };
  }
  const found = connection ?? provider;
  const findings = [...read, ...(found === undefined ? [] : hostFindings(found))];
  const isGood = findings.every(({ severity }) => severity !== "error");
  const named = kindOf(object);
  if (named === "Connection")
    return { kind: "connection", connection: isGood ? connection : undefined, findings };
  if (named === "IdentityProvider")
    return { kind: "identityProvider", provider: isGood ? provider : undefined, findings };
  if (named === "WorkloadController")
    return { kind: "workloadController", controller: isGood ? controller : undefined, findings };
  return { kind: "other", findings };
}

export function errorsOf({ findings }: Pick<Judgement, "findings">): readonly KindFinding[] {
  return findings.filter(({ severity }) => severity === "error");
}

const TOLD_MAX = 5;

/** The errors as one sentence for people: the first few, and how many there are besides. */
export function sayErrors(errors: readonly KindFinding[]): string {
  const told = errors.slice(0, TOLD_MAX).map(({ field, message }) => {
    return field === "" ? message : `${field}: ${message}`;
  });
  const rest = errors.length - told.length;
  return told.join("; ") + (rest > 0 ? `; and ${rest} more` : "");
}

function compilerFindings(source: PolicySource): readonly KindFinding[] {
  if (source.state === "broken") return [];
  const compiled = compilePolicy(source.policy, source.origin);
  if (compiled.good) return [];
  return compiled.broken.problems.map(({ path, message }) => {
    return { severity: "error", code: "POLICY_INVALID", field: path, message } as const;
  });
}

function hostFindings(object: Connection | IdentityProvider): readonly KindFinding[] {
  return hostReferences(object).map(({ field, message }) => {
    return { severity: "error", code: "HOST_REFERENCE", field, message } as const;
  });
}

function ofDiagnostic({ severity, code, path, message }: Diagnostic): KindFinding {
  return { severity, code, field: path, message };
}

function kindOf(object: unknown): unknown {
  return typeof object === "object" && object !== null && "kind" in object ? object.kind : undefined;
}
