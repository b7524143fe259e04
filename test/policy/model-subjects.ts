/** The model's own reading of subject and connection selectors. */
import type { AgentSelector, OidcSelector, RootSelector, SubjectSelector } from "#core/api/kinds.gen.ts";
import type { Policy, Reach } from "#core/api/loaded.ts";
import type { Sources } from "#core/policy/compile.ts";
import type { Ancestor, Identity } from "#core/policy/facts.ts";

type Connection = Sources["connections"][number];

export function subjectFits(
  subject: SubjectSelector,
  policy: Policy,
  identity: Identity,
  above: readonly Ancestor[],
): boolean {
  const { descendantsOf, launchedBy } = subject;
  if (!agentFits(subject, policy, identity)) return false;
  const agents = above.filter(({ kind }) => kind === "agent");
  const others = above.filter(({ kind }) => kind !== "agent");
  if (descendantsOf && !agents.some((agent) => agentFits(descendantsOf, policy, agent.identity)))
    return false;
  return launchedBy === undefined || others.some((other) => rootFits(launchedBy, policy, other));
}

function agentFits(
  { serviceAccount, pod, namespace, oidc }: AgentSelector,
  policy: Policy,
  identity: Identity,
): boolean {
  if (pod && identity.pod?.uid !== pod.uid) return false;
  if (serviceAccount) {
    if (identity.serviceAccount?.name !== serviceAccount.name) return false;
    const home = serviceAccount.namespace ?? policy.metadata.namespace;
    if (home !== undefined && identity.serviceAccount.namespace !== home) return false;
  }
  if (namespace !== undefined && identity.serviceAccount?.namespace !== namespace) return false;
  return !oidc || tokenFits(oidc, identity);
}

function tokenFits(oidc: OidcSelector, identity: Identity): boolean {
  if (identity.oidc?.provider !== oidc.provider) return false;
  for (const [claim, expected] of Object.entries(oidc.claims ?? {})) {
    const found = Object.entries(identity.oidc.claims).find(([name]) => name === claim)?.[1];
    const fits = Array.isArray(found) ? found.includes(expected) : `${found?.toString()}` === expected;
    if (found === undefined || !fits) return false;
  }
  return true;
}

function rootFits({ kind, user, group, ...rest }: RootSelector, policy: Policy, root: Ancestor): boolean {
  if (kind !== undefined && root.kind !== kind) return false;
  if (user !== undefined && root.identity.user?.name !== user) return false;
  if (group !== undefined && !(root.identity.user?.groups ?? []).includes(group)) return false;
  return agentFits(rest, policy, root.identity);
}

export function reaches({ kind, metadata, spec }: Policy, connection: Connection): boolean {
  if (kind === "SecretAccessPolicy" && metadata.namespace !== connection.metadata.namespace) return false;
  const selector: Partial<Record<"namespaces" | "names", readonly string[]>> & {
    readonly matchLabels?: Readonly<Record<string, string>>;
  } = spec.connections ?? {};
  const { namespaces, names, matchLabels } = selector;
  if (namespaces && !namespaces.includes(connection.metadata.namespace ?? "")) return false;
  if (names && !names.includes(connection.metadata.name)) return false;
  return labelsFit(matchLabels ?? {}, connection);
}

export function isClosed(sources: Sources, connection: Connection): boolean {
  return sources.policies.some((source) => source.state === "broken" && inReach(source.reach, connection));
}

function inReach(reach: Reach, connection: Connection): boolean {
  if (reach.scope === "cluster") return true;
  if (reach.namespace !== connection.metadata.namespace) return false;
  if (reach.scope === "names") return reach.names.includes(connection.metadata.name);
  return reach.scope === "namespace" || labelsFit(reach.matchLabels, connection);
}

function labelsFit(wanted: Readonly<Record<string, string>>, { metadata }: Connection): boolean {
  return Object.entries(wanted).every(([label, value]) => metadata.labels?.[label] === value);
}
