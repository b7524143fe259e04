/** Why a selector does not mean somebody. Asks the matchers of `subject.ts`, so that it cannot disagree with them. */
import type { Ancestor, Identity } from "./facts.ts";
import {
  type AccountMatcher,
  type IdentityMatcher,
  type OidcMatcher,
  type RootMatcher,
  type SubjectMatcher,
  claimTexts,
  isDescendedFrom,
  isLaunchedBy,
  matchesAccount,
  matchesOidc,
} from "./subject.ts";

const CLAIM_CHARS_MAX = 80;

/** Empty when the selector does mean the subject. */
export function whyNotSubject(
  { self, descendantsOf, launchedBy }: SubjectMatcher,
  identity: Identity,
  above: readonly Ancestor[],
): readonly string[] {
  const why = [...whyNotIdentity(self, identity)];
  if (descendantsOf && !above.some((ancestor) => isDescendedFrom(descendantsOf, ancestor))) {
    why.push(`no agent above it is ${sayIdentityMatcher(descendantsOf)}`);
  }
  if (launchedBy && !above.some((ancestor) => isLaunchedBy(launchedBy, ancestor))) {
    why.push(`it was not launched by ${sayRoot(launchedBy)}`);
  }
  return why;
}

function whyNotIdentity(
  { account, podUid, namespace, oidc }: IdentityMatcher,
  identity: Identity,
): readonly string[] {
  const why: string[] = [];
  if (podUid !== undefined && podUid !== identity.pod?.uid) why.push(`it is not pod ${shorten(podUid)}`);
  if (account && !matchesAccount(account, identity)) why.push(`it is not ${sayAccount(account)}`);
  if (namespace !== undefined && namespace !== identity.serviceAccount?.namespace) {
    why.push(`it is not in namespace ${namespace}`);
  }
  if (oidc && !matchesOidc(oidc, identity)) why.push(whyNotOidc(oidc, identity));
  return why;
}

function whyNotOidc({ provider, claims }: OidcMatcher, { oidc }: Identity): string {
  if (oidc?.provider !== provider) return `it has no token of ${provider}`;
  const wrong = claims.filter(([name, value]) => !claimTexts(oidc.claims, name).includes(value));
  const words = wrong.map(([name, value]) => {
    const [is] = claimTexts(oidc.claims, name);
    return `claim ${name} is ${is === undefined ? "missing" : shorten(is)}, not ${shorten(value)}`;
  });
  return words.join("; ");
}

function sayIdentityMatcher({ account, podUid, namespace, oidc }: IdentityMatcher): string {
  const words: string[] = [];
  if (podUid !== undefined) words.push(`pod ${shorten(podUid)}`);
  if (account) words.push(sayAccount(account));
  if (namespace !== undefined) words.push(`in namespace ${namespace}`);
  if (oidc) words.push(sayOidc(oidc));
  return words.join(" and ");
}

function sayRoot(root: RootMatcher): string {
  const words: string[] = root.kind === undefined ? [] : [`a ${root.kind}`];
  if (root.user !== undefined) words.push(`user ${root.user}`);
  if (root.group !== undefined) words.push(`a member of ${root.group}`);
  const identity = sayIdentityMatcher(root);
  if (identity !== "") words.push(identity);
  return words.join(" and ");
}

function sayAccount({ namespace, name }: AccountMatcher): string {
  return namespace === undefined ? `a service account ${name}` : `service account ${namespace}/${name}`;
}

function sayOidc({ provider, claims }: OidcMatcher): string {
  const which = claims.map(([name, value]) => `${name} ${shorten(value)}`).join(", ");
  return `a token of ${provider}${which === "" ? "" : ` with ${which}`}`;
}

function shorten(text: string): string {
  return JSON.stringify(text.length > CLAIM_CHARS_MAX ? `${text.slice(0, CLAIM_CHARS_MAX)}…` : text);
}
