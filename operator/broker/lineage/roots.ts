/** Who stands at the root of a lineage: somebody whom the API server knows, and who is no agent. */
import type { Ancestor, AncestorKind, ClaimValue, Identity } from "#core/policy/facts.ts";
import type { Author } from "../../admission/origin/author.ts";

/** What users of the API server are, by how their names begin: an issuer's users have a prefix of their own there. */
export interface RootSetting {
  readonly userPrefix: string;
  readonly kind: Exclude<AncestorKind, "agent">;
  /** The IdentityProvider that speaks of the same people or pipelines; policies may then name it in `launchedBy.oidc`. */
  readonly provider?: string;
  /** Of which claim the API server makes the name that follows the prefix. */
  readonly claim?: string;
  /**
   * Further claims, each with how those groups begin that the API server makes of it. Groups are of the same token as the name, and on
   * record with it; what an authenticator calls `extra` is not.
   */
  readonly claims?: Readonly<Record<string, string>>;
}

const CLAIM_DEFAULT = "sub";

/** Whoever is no service account. Without a setting of its own a user is a person. */
export function rootOf({ user: name, groups }: Author, settings: readonly RootSetting[]): Ancestor {
  const user = { name, groups };
  const setting = settings
    .filter(({ userPrefix }) => name.startsWith(userPrefix))
    .toSorted((a, b) => b.userPrefix.length - a.userPrefix.length)[0];
  if (setting === undefined) return { kind: "person", identity: { user } };
  const { kind, provider, claim = CLAIM_DEFAULT, claims = {}, userPrefix } = setting;
  if (provider === undefined) return { kind, identity: { user } };
  const further = Object.entries(claims).flatMap(([of, prefix]) => {
    const value = claimIn(groups, prefix);
    return value === undefined ? [] : [[of, value] as const];
  });
  // The name is the claim's, whatever a group says.
  const all = { ...Object.fromEntries(further), [claim]: name.slice(userPrefix.length) };
  return { kind, identity: { user, oidc: { provider, claims: all } } };
}

/** Of a claim that is a list, every item. */
function claimIn(groups: readonly string[], prefix: string): ClaimValue | undefined {
  const values = groups
    .filter((group) => group.startsWith(prefix))
    .map((group) => group.slice(prefix.length));
  const [value, ...more] = values;
  return more.length === 0 ? value : values;
}

export function controllerRoot(
  serviceAccount: NonNullable<Identity["serviceAccount"]>,
  pod: Identity["pod"],
): Ancestor {
  return { kind: "controller", identity: { serviceAccount, ...(pod === undefined ? {} : { pod }) } };
}
