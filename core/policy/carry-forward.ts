/**
 * A bad edit leaves the last good version in force. Works on sources, not on plans, so that connections, labels and
 * expiries are judged anew each time.
 */
import type { Diagnostic } from "#core/api/diagnostic.ts";
import type { PolicyId, PolicySource } from "#core/api/loaded.ts";
import { compilePolicy } from "./compile-policy.ts";
import { DEFAULT_NAMESPACE } from "./connection-selector.ts";
import type { Problem } from "./plan.ts";

/** A source with what is wrong with it; nothing when it compiles. */
interface Judged {
  readonly source: PolicySource;
  /** Undefined when the document cannot be read far enough to tell which policy it is. */
  readonly key: string | undefined;
  readonly diagnostics: readonly Diagnostic[] | undefined;
}

/**
 * `previous` is what was in force: the result of the last call, or the first sources. What is broken in `next` is
 * replaced by its last good version from the same origin, marked stale. Where a broken document cannot even be
 * identified, every policy of its origin that would vanish with it stays in force; when there is none, it stays broken
 * and closes what it reaches.
 */
export function carryForward(
  previous: readonly PolicySource[],
  next: readonly PolicySource[],
): readonly PolicySource[] {
  const last = byOrigin(previous.map(judge));
  const judged = next.map(judge);
  const present = new Set(judged.map(({ key }) => key));
  const carried = new Set<PolicySource>();
  return judged.flatMap(({ source, key, diagnostics }) => {
    if (diagnostics === undefined) return [source];
    const siblings = last.get(source.origin) ?? [];
    const replaced = siblings.filter((good) =>
      key === undefined ? !present.has(good.key) : good.key === key,
    );
    if (replaced.length === 0) return [source];
    return replaced.flatMap(({ source: good }) => {
      if (good.state !== "good" || carried.has(good)) return [];
      carried.add(good);
      return [{ ...good, stale: diagnostics }];
    });
  });
}

function byOrigin(judged: readonly Judged[]): ReadonlyMap<string, readonly Judged[]> {
  return Map.groupBy(
    judged.filter(({ diagnostics }) => diagnostics === undefined),
    ({ source }) => source.origin,
  );
}

function judge(source: PolicySource): Judged {
  if (source.state === "broken") return { source, key: keyOf(source.id), diagnostics: source.diagnostics };
  const compiled = compilePolicy(source.policy, source.origin);
  if (compiled.good) return { source, key: keyOf(compiled.policy.id), diagnostics: undefined };
  const { id, problems } = compiled.broken;
  return {
    source,
    key: keyOf(id),
    diagnostics: problems.map((problem) => toDiagnostic(problem, source.origin)),
  };
}

/** A policy that was read but does not compile has no place in a file any more; the whole origin is named. */
function toDiagnostic({ path, message }: Problem, origin: string): Diagnostic {
  return { severity: "error", code: "POLICY_INVALID", file: origin, line: 1, column: 1, path, message };
}

function keyOf(id: PolicyId | undefined): string | undefined {
  if (id === undefined) return undefined;
  const namespace = id.kind === "SecretAccessPolicy" ? (id.namespace ?? DEFAULT_NAMESPACE) : "";
  return JSON.stringify([id.kind, namespace, id.name]);
}
