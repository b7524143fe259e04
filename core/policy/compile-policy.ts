/** One policy: its text to something that can be asked, or what is wrong with it. */
import type { Diagnostic } from "#core/api/diagnostic.ts";
import type { PolicyId } from "#core/api/loaded.ts";
import {
  type ConnectionSelector,
  DEFAULT_NAMESPACE,
  EVERY_CONNECTION,
  readConnections,
} from "./connection-selector.ts";
import type { Limits } from "./decision.ts";
import { specHash } from "./hash.ts";
import { parseInstantMs } from "./instant.ts";
import type { BrokenPolicy, CompiledPolicy, Problem } from "./plan.ts";
import { readRules } from "./compile-rules.ts";
import {
  type Fields,
  type Report,
  isRecord,
  join,
  readChoice,
  readCount,
  readFields,
  readText,
} from "./shape.ts";
import { readSubjects } from "./subject.ts";

export type Compiled =
  | { readonly good: true; readonly policy: Omit<CompiledPolicy, "order"> }
  | { readonly good: false; readonly broken: BrokenPolicy };

const COMMON_FIELDS = [
  "mode",
  "expires",
  "subjects",
  "connections",
  "deny",
  "ask",
  "mask",
  "limits",
  "whenParentEnds",
];
const LIMIT_NAMES = [
  "rows",
  "bytes",
  "statements",
  "sessionSeconds",
  "concurrentSessions",
] as const satisfies readonly (keyof Limits)[];

/** Takes anything: a policy that does not compile closes what it selects, as far as that can be read. */
export function compilePolicy(policy: unknown, origin: string, stale: readonly Diagnostic[] = []): Compiled {
  const problems: Problem[] = [];
  const report: Report = (path, message) => problems.push({ path, message });
  const id = readId(policy, report);
  const spec = isRecord(policy) ? policy["spec"] : undefined;
  if (id === undefined) return brokenPolicy(origin, undefined, EVERY_CONNECTION, problems);

  const isGuardrail = id.kind === "ClusterSecretAccessPolicy";
  const fields = readFields(spec, isGuardrail ? COMMON_FIELDS : [...COMMON_FIELDS, "allow"], "spec", report);
  const own = isGuardrail ? undefined : id.namespace;
  const closes = readReach(fields["connections"], own);
  const connections = readConnections(fields["connections"], own, "spec.connections", report);
  const parts = {
    isGuardrail,
    observes: readChoice(fields["mode"], ["enforce", "observe"], "spec.mode", report) === "observe",
    expiresMs: readExpiry(fields["expires"], report),
    subjects: readSubjects(fields["subjects"], own, "spec.subjects", report),
    connections,
    limits: readLimits(fields["limits"], report),
    whenParentEnds:
      readChoice(fields["whenParentEnds"], ["finish", "end"], "spec.whenParentEnds", report) ?? "finish",
  };
  const rules = readRules(fields, id, report);
  if (problems.length > 0) return brokenPolicy(origin, id, closes, problems);
  // Only what was read through and through gets here, so that this is plain data and can be hashed.
  const hash = specHash(spec);
  return { good: true, policy: { id, hash, origin, stale, ...parts, protocols: rules(hash) } };
}

function brokenPolicy(
  origin: string,
  id: PolicyId | undefined,
  closes: ConnectionSelector,
  problems: readonly Problem[],
): Compiled {
  return { good: false, broken: { origin, id, closes, problems } };
}

function readId(policy: unknown, report: Report): PolicyId | undefined {
  if (!isRecord(policy)) {
    report("", "must be an object");
    return undefined;
  }
  const kind = readChoice(
    policy["kind"],
    ["SecretAccessPolicy", "ClusterSecretAccessPolicy"],
    "kind",
    report,
  );
  const metadata = isRecord(policy["metadata"]) ? policy["metadata"] : {};
  const name = readText(metadata["name"], "metadata.name", report);
  if (kind === undefined) report("kind", "is missing");
  if (name === undefined) report("metadata.name", "is missing");
  if (kind === undefined || name === undefined) return undefined;
  if (kind === "ClusterSecretAccessPolicy") return { kind, name };
  const namespace = metadata["namespace"] ?? DEFAULT_NAMESPACE;
  if (typeof namespace === "string" && namespace !== "") return { kind, namespace, name };
  report("metadata.namespace", "must be a text that is not empty");
  return undefined;
}

/** The connections that the policy closes when it is broken: those it selects, or else all that it could select. */
function readReach(value: unknown, own: string | undefined): ConnectionSelector {
  let readable = true;
  const selector = readConnections(value, own, "spec.connections", () => {
    readable = false;
  });
  if (readable) return selector;
  return own === undefined ? EVERY_CONNECTION : { ...EVERY_CONNECTION, namespaces: new Set([own]) };
}

function readExpiry(value: unknown, report: Report): number {
  if (value === undefined) return Number.POSITIVE_INFINITY;
  const expiresMs = typeof value === "string" ? parseInstantMs(value) : undefined;
  if (expiresMs === undefined)
    report("spec.expires", "must be an RFC 3339 time such as 2027-01-31T18:00:00Z");
  return expiresMs ?? Number.POSITIVE_INFINITY;
}

function readLimits(value: unknown, report: Report): Limits {
  if (value === undefined) return {};
  const path = "spec.limits";
  const fields: Fields = readFields(value, LIMIT_NAMES, path, report);
  const limits: Partial<Record<keyof Limits, number>> = {};
  for (const name of LIMIT_NAMES) {
    const count = readCount(fields[name], join(path, name), report);
    if (count !== undefined) limits[name] = count;
  }
  return limits;
}
