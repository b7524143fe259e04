/** Policies that are good by themselves but not beside the Connections they name: a rule for a protocol none of them speaks. */
import { protocolMismatches } from "#core/api/cross-check.ts";
import type { Connection } from "#core/api/kinds.gen.ts";
import type { PolicySource } from "#core/api/loaded.ts";
import { pathText } from "#core/api/located.ts";
import type { KindFinding } from "../admission/kinds/judge.ts";
import type { Known } from "./known.ts";

export interface Mismatched {
  readonly source: PolicySource;
  readonly findings: readonly KindFinding[];
}

export function mismatched(
  read: ReadonlyMap<string, Known>,
  connections: readonly Connection[],
): ReadonlyMap<string, Mismatched> {
  const byNamespace = Map.groupBy(connections, ({ metadata }) => metadata.namespace);
  const found = new Map<string, Mismatched>();
  for (const [uid, { judgement }] of read) {
    if (judgement.kind !== "policy" || judgement.source.state !== "good") continue;
    const { policy, origin } = judgement.source;
    const { namespace, name } = policy.metadata;
    const names = policy.spec.connections?.names;
    if (policy.kind !== "SecretAccessPolicy" || names === undefined || namespace === undefined) continue;
    const findings = protocolMismatches(policy, byNamespace.get(namespace) ?? []).map(({ path, message }) => {
      return { severity: "error", code: "PROTOCOL_MISMATCH", field: pathText(path), message } as const;
    });
    if (findings.length === 0) continue;
    const diagnostics = findings.map(({ field, ...rest }) => {
      return { ...rest, file: origin, line: 1, column: 1, path: field };
    });
    const id = { kind: policy.kind, namespace, name };
    const reach = { scope: "names", namespace, names } as const;
    found.set(uid, { source: { state: "broken", origin, id, reach, diagnostics }, findings });
  }
  return found;
}
