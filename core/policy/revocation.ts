/**
 * A revocation is a guardrail like any other: it refuses everything to somebody and to everybody below them, until it expires. Here is how
 * one is written, and how it is told from other guardrails. docs/decisions/0044 says why it has no kind of its own.
 */
import type {
  AgentSelector,
  ClusterSecretAccessPolicy,
  DenyRule,
  ProtocolName,
  SubjectSelector,
} from "#core/api/kinds.gen.ts";
import type { Policy } from "#core/api/loaded.ts";
import { parseInstantMs } from "./instant.ts";

/** On the guardrail: the label makes it a revocation, the annotations say what people want to know of it. */
export const REVOCATION = {
  label: "sallyport.dev/revocation",
  by: "sallyport.dev/revoked-by",
  because: "sallyport.dev/revoked-because",
  whom: "sallyport.dev/revoked-whom",
} as const;

/** What the label says: by what the subjects were named. */
export type RevocationScope = "pod" | "serviceaccount" | "subtree" | "subject";

export const REVOCATION_MS_MAX = 30 * 24 * 3_600_000;
export const BECAUSE_CHARS_MAX = 256;
/** Each is named twice, and a guardrail has 64 subjects. */
export const AGENTS_MAX = 32;

const NAME_CHARS_MAX = 40;

export interface Revocation {
  /** Of the guardrail. */
  readonly name: string;
  readonly by: string;
  readonly because: string;
  /** In words. */
  readonly whom: string;
  readonly untilMs: number;
}

export interface RevocationOrder extends Omit<Revocation, "name"> {
  readonly scope: RevocationScope;
  /** What the guardrail is called after. */
  readonly about: string;
  /** Tells apart what would be called the same. */
  readonly mark: string;
  readonly subjects: readonly SubjectSelector[];
}

/** One for each protocol: a new one that is not closed here does not compile. */
const EVERYTHING = { postgres: {}, tcp: {}, kubernetes: {} } as const satisfies Record<ProtocolName, object>;

/** The agents themselves, and whoever has one of them above, at any distance. */
export function withAllBelow(agents: readonly AgentSelector[]): readonly SubjectSelector[] {
  return agents.flatMap((agent) => [agent, { descendantsOf: agent }]);
}

export function revocationGuardrail(order: RevocationOrder): ClusterSecretAccessPolicy {
  const { scope, by, because, whom, untilMs, subjects } = order;
  const name = nameOf(order);
  const expires = new Date(untilMs).toISOString().replace(/\.\d+Z$/, "Z");
  // Agents read this. Why it was done is for people: it may be said of somebody who is not to know yet.
  const reason = `access is revoked until ${expires} (${name})`;
  const deny = Object.entries(EVERYTHING).map(
    ([protocol, block]): DenyRule => ({ name: protocol, reason, [protocol]: block }),
  );
  return {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "ClusterSecretAccessPolicy",
    metadata: {
      name,
      labels: { [REVOCATION.label]: scope },
      annotations: {
        [REVOCATION.by]: by,
        [REVOCATION.because]: because,
        [REVOCATION.whom]: whom,
      },
    },
    spec: { expires, subjects, deny },
  };
}

/** Undefined for any other policy. What it lacks of words it was written without. */
export function revocationIn({ kind, metadata, spec }: Policy): Revocation | undefined {
  const { name, labels, annotations = {} } = metadata;
  if (kind !== "ClusterSecretAccessPolicy" || labels?.[REVOCATION.label] === undefined) return undefined;
  return {
    name,
    by: annotations[REVOCATION.by] ?? "",
    because: annotations[REVOCATION.because] ?? "",
    whom: annotations[REVOCATION.whom] ?? "",
    untilMs: parseInstantMs(spec.expires ?? "") ?? Number.POSITIVE_INFINITY,
  };
}

/** A name that Kubernetes takes for an object, and a file system for a file. */
function nameOf({ about, mark }: RevocationOrder): string {
  const plain = about.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  const trimmed = plain.slice(0, NAME_CHARS_MAX).replaceAll(/^-+|-+$/g, "");
  return ["revoked", trimmed, mark].filter((part) => part !== "").join("-");
}
