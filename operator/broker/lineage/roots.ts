/** Who stands at the root of a lineage: somebody whom the API server knows, and who is no agent. */
import type { Ancestor, AncestorKind, Identity } from "#core/policy/facts.ts";
import type { Author } from "../../admission/origin/author.ts";

/** What users of the API server are, by how their names begin: an issuer's users have a prefix of their own there. */
export interface RootSetting {
  readonly userPrefix: string;
  readonly kind: Exclude<AncestorKind, "agent">;
  /** The IdentityProvider that speaks of the same people or pipelines; policies may then name it in `launchedBy.oidc`. */
  readonly provider?: string;
  /** Of which claim the API server makes the name that follows the prefix. */
  readonly claim?: string;
}

const CLAIM_DEFAULT = "sub";

/** Whoever is no service account. Without a setting of its own a user is a person. */
export function rootOf({ user: name, groups }: Author, settings: readonly RootSetting[]): Ancestor {
  const user = { name, groups };
  const setting = settings
    .filter(({ userPrefix }) => name.startsWith(userPrefix))
    .toSorted((a, b) => b.userPrefix.length - a.userPrefix.length)[0];
  if (setting === undefined) return { kind: "person", identity: { user } };
  const { kind, provider, claim = CLAIM_DEFAULT, userPrefix } = setting;
  if (provider === undefined) return { kind, identity: { user } };
  const oidc = { provider, claims: { [claim]: name.slice(userPrefix.length) } };
  return { kind, identity: { user, oidc } };
}

export function controllerRoot(
  serviceAccount: NonNullable<Identity["serviceAccount"]>,
  pod: Identity["pod"],
): Ancestor {
  return { kind: "controller", identity: { serviceAccount, ...(pod === undefined ? {} : { pod }) } };
}
