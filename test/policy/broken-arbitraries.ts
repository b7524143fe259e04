/** Ways in which an edit can spoil a policy, each leaving something that a reader might have let through. */
import fc from "fast-check";
import type { Policy, PolicySource } from "#core/api/loaded.ts";

type Spec = Record<string, unknown>;

const SPOILERS: Readonly<Record<string, (spec: Spec) => unknown>> = {
  "an unknown field": (spec) => ({ ...spec, allowed: [] }),
  "an unknown mode": (spec) => ({ ...spec, mode: "monitor" }),
  "no subjects": (spec) => ({ ...spec, subjects: [] }),
  "a subject that means everybody": (spec) => ({ ...spec, subjects: [{}] }),
  "an unknown condition of a subject": (spec) => ({ ...spec, subjects: [{ namespace: "shop", pod: "x" }] }),
  "an expiry in words": (spec) => ({ ...spec, expires: "tomorrow" }),
  "an expiry that does not exist": (spec) => ({ ...spec, expires: "2027-02-30T00:00:00Z" }),
  "an empty connection selector": (spec) => ({ ...spec, connections: {} }),
  "a connection selector of the wrong type": (spec) => ({ ...spec, connections: { names: "orders" } }),
  "a table without its schema": (spec) => denying(spec, { tables: ["t"] }),
  "a table in capitals": (spec) => denying(spec, { tables: ["public.T"] }),
  "a table that nobody can name": (spec) => denying(spec, { tables: ['public."*"'] }),
  "an empty list of tables": (spec) => denying(spec, { tables: [] }),
  "an unknown kind of statement": (spec) => denying(spec, { statements: ["reed"] }),
  "a hole in a list": (spec) => denying(spec, { tables: [undefined, "public.t"] }),
  "an unknown narrowing": (spec) => denying(spec, { tables: ["public.t"], columns: ["x"] }),
  "a rule without a protocol": (spec) => ({ ...spec, deny: [{ name: "d" }] }),
  "a rule without a name": (spec) => ({ ...spec, deny: [{ postgres: {} }] }),
  "a rule for an unknown protocol": (spec) => ({ ...spec, deny: [{ name: "d", mysql: {} }] }),
  "a deny rule that delegates": (spec) => ({
    ...spec,
    deny: [{ name: "d", delegate: "also", postgres: {} }],
  }),
  "a mask without a column": (spec) => ({ ...spec, mask: [{ postgres: { columns: ["public.t.*"] } }] }),
  "a mask of an unknown action": (spec) => ({
    ...spec,
    mask: [{ action: "blur", postgres: { columns: ["public.t.x"] } }],
  }),
  "a limit below nothing": (spec) => ({ ...spec, limits: { rows: -1 } }),
  "an unknown limit": (spec) => ({ ...spec, limits: { queries: 3 } }),
  "no spec": () => undefined,
  "a spec that is a list": () => [],
};

export const SPOILER_NAMES = Object.keys(SPOILERS);

export function spoil(policy: Policy, how: string): Policy {
  const spec = SPOILERS[how]?.(structuredClone(policy.spec));
  return { ...policy, spec } as unknown as Policy;
}

/** What a reader makes of a file that it cannot take: a broken source that closes at least what the policy selected. */
export function brokenSource(policy: Policy, origin: string, isIdentified: boolean): PolicySource {
  const { kind, metadata } = policy;
  const id = { kind, name: metadata.name, ...(metadata.namespace && { namespace: metadata.namespace }) };
  const reach =
    kind === "SecretAccessPolicy" && metadata.namespace !== undefined
      ? ({ scope: "namespace", namespace: metadata.namespace } as const)
      : ({ scope: "cluster" } as const);
  return { state: "broken", origin, reach, diagnostics: [], ...(isIdentified && { id }) };
}

export const spoilers = fc.constantFrom(...SPOILER_NAMES);

function denying(spec: Spec, postgres: unknown): Spec {
  return { ...spec, deny: [{ name: "d", postgres }] };
}
