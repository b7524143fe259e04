/** Who a policy speaks of. Fields of one selector must all hold, of several selectors one is enough. */
import type { Ancestor, AncestorKind, Identity } from "./facts.ts";
import {
  type Report,
  isRecord,
  join,
  readChoice,
  readFields,
  readList,
  readText,
  readTextMap,
} from "./shape.ts";

export interface SubjectMatcher {
  readonly self: IdentityMatcher;
  /** Some agent above the subject. */
  readonly descendantsOf: IdentityMatcher | undefined;
  /** Some person, CI job or controller above the subject; an agent never counts. */
  readonly launchedBy: RootMatcher | undefined;
}

export interface IdentityMatcher {
  readonly account: AccountMatcher | undefined;
  /** The uid of one pod. */
  readonly podUid: string | undefined;
  readonly namespace: string | undefined;
  readonly oidc: OidcMatcher | undefined;
}

export interface RootMatcher extends IdentityMatcher {
  readonly kind: Exclude<AncestorKind, "agent"> | undefined;
  readonly user: string | undefined;
  readonly group: string | undefined;
}

export interface AccountMatcher {
  /** Undefined only in a guardrail: an account of that name in any namespace. */
  readonly namespace: string | undefined;
  readonly name: string;
}

export interface OidcMatcher {
  readonly provider: string;
  readonly claims: readonly (readonly [name: string, value: string])[];
}

const IDENTITY_FIELDS = ["serviceAccount", "namespace", "oidc", "pod"];
const SUBJECT_FIELDS = [...IDENTITY_FIELDS, "descendantsOf", "launchedBy"];
const ROOT_FIELDS = ["kind", "user", "group", "serviceAccount", "oidc"];
const ROOT_KINDS = ["person", "ci", "controller"] as const;

/** `own` is the policy's namespace, where an account without one lives; undefined for a guardrail. */
export function readSubject(
  value: unknown,
  own: string | undefined,
  path: string,
  report: Report,
): SubjectMatcher {
  const fields = readSelector(value, SUBJECT_FIELDS, path, report);
  const { descendantsOf, launchedBy } = fields;
  return {
    self: readIdentity(fields, own, path, report),
    descendantsOf:
      descendantsOf === undefined
        ? undefined
        : readAgent(descendantsOf, own, join(path, "descendantsOf"), report),
    launchedBy:
      launchedBy === undefined ? undefined : readRoot(launchedBy, own, join(path, "launchedBy"), report),
  };
}

export function matchesSubject(
  { self, descendantsOf, launchedBy }: SubjectMatcher,
  identity: Identity,
  above: readonly Ancestor[],
): boolean {
  return (
    matchesIdentity(self, identity) &&
    (descendantsOf === undefined || above.some((ancestor) => isDescendedFrom(descendantsOf, ancestor))) &&
    (launchedBy === undefined || above.some((ancestor) => isLaunchedBy(launchedBy, ancestor)))
  );
}

export function isDescendedFrom(matcher: IdentityMatcher, { kind, identity }: Ancestor): boolean {
  return kind === "agent" && matchesIdentity(matcher, identity);
}

export function isLaunchedBy(matcher: RootMatcher, { kind, identity }: Ancestor): boolean {
  return (
    kind !== "agent" &&
    (matcher.kind === undefined || matcher.kind === kind) &&
    (matcher.user === undefined || matcher.user === identity.user?.name) &&
    (matcher.group === undefined || identity.user?.groups.includes(matcher.group) === true) &&
    matchesIdentity(matcher, identity)
  );
}

export function matchesIdentity(
  { account, podUid, namespace, oidc }: IdentityMatcher,
  identity: Identity,
): boolean {
  return (
    (podUid === undefined || podUid === identity.pod?.uid) &&
    (account === undefined || matchesAccount(account, identity)) &&
    (namespace === undefined || namespace === identity.serviceAccount?.namespace) &&
    (oidc === undefined || matchesOidc(oidc, identity))
  );
}

export function matchesAccount({ namespace, name }: AccountMatcher, { serviceAccount }: Identity): boolean {
  return (
    serviceAccount !== undefined &&
    serviceAccount.name === name &&
    (namespace === undefined || serviceAccount.namespace === namespace)
  );
}

export function matchesOidc({ provider, claims }: OidcMatcher, { oidc }: Identity): boolean {
  return (
    oidc !== undefined &&
    oidc.provider === provider &&
    claims.every(([name, value]) => claimTexts(oidc.claims, name).includes(value))
  );
}

/**
 * The texts that a claim can be compared as: its own, or each member of a list. Own properties only, so that a claim
 * called `constructor` is absent until a token brings it.
 */
export function claimTexts(claims: Readonly<Record<string, unknown>>, name: string): readonly string[] {
  if (!Object.hasOwn(claims, name)) return [];
  const value = claims[name];
  if (typeof value === "string") return [value];
  if (typeof value === "number" || typeof value === "boolean") return [String(value)];
  return Array.isArray(value) ? value.filter((member) => typeof member === "string") : [];
}

function readAgent(value: unknown, own: string | undefined, path: string, report: Report): IdentityMatcher {
  return readIdentity(readSelector(value, IDENTITY_FIELDS, path, report), own, path, report);
}

function readRoot(value: unknown, own: string | undefined, path: string, report: Report): RootMatcher {
  const fields = readSelector(value, ROOT_FIELDS, path, report);
  return {
    ...readIdentity(fields, own, path, report),
    kind: readChoice(fields["kind"], ROOT_KINDS, join(path, "kind"), report),
    user: readText(fields["user"], join(path, "user"), report),
    group: readText(fields["group"], join(path, "group"), report),
  };
}

/** A selector without a field would mean everybody, which nobody writes on purpose. */
function readSelector(
  value: unknown,
  known: readonly string[],
  path: string,
  report: Report,
): Readonly<Record<string, unknown>> {
  const fields = readFields(value, known, path, report);
  if (isRecord(value) && Object.keys(fields).length === 0)
    report(path, `must have one of ${known.join(", ")}`);
  return fields;
}

function readIdentity(
  fields: Readonly<Record<string, unknown>>,
  own: string | undefined,
  path: string,
  report: Report,
): IdentityMatcher {
  return {
    account: readAccount(fields["serviceAccount"], own, join(path, "serviceAccount"), report),
    podUid: readPod(fields["pod"], join(path, "pod"), report),
    namespace: readText(fields["namespace"], join(path, "namespace"), report),
    oidc: readOidc(fields["oidc"], join(path, "oidc"), report),
  };
}

function readAccount(
  value: unknown,
  own: string | undefined,
  path: string,
  report: Report,
): AccountMatcher | undefined {
  if (value === undefined) return undefined;
  const fields = readFields(value, ["name", "namespace"], path, report);
  const name = readRequired(fields["name"], join(path, "name"), report);
  return { name, namespace: readText(fields["namespace"], join(path, "namespace"), report) ?? own };
}

function readPod(value: unknown, path: string, report: Report): string | undefined {
  if (value === undefined) return undefined;
  return readRequired(readFields(value, ["uid"], path, report)["uid"], join(path, "uid"), report);
}

function readOidc(value: unknown, path: string, report: Report): OidcMatcher | undefined {
  if (value === undefined) return undefined;
  const fields = readFields(value, ["provider", "claims"], path, report);
  return {
    provider: readRequired(fields["provider"], join(path, "provider"), report),
    claims: [...readTextMap(fields["claims"], join(path, "claims"), report)],
  };
}

function readRequired(value: unknown, path: string, report: Report): string {
  if (value === undefined) report(path, "is missing");
  return readText(value, path, report) ?? "";
}

/** The selectors of a policy; an empty list would select nobody, so it is an error and not a policy without effect. */
export function readSubjects(
  value: unknown,
  own: string | undefined,
  path: string,
  report: Report,
): readonly SubjectMatcher[] | undefined {
  if (value === undefined && own === undefined) return undefined;
  const entries = readList(value, path, report);
  if (entries.length === 0) report(path, "must hold at least one subject");
  return entries.map((entry, index) => readSubject(entry, own, `${path}[${index}]`, report));
}
