/** How identities, ancestors and connections are written on the command line. */
import type { Ancestor, AncestorKind, ClaimValue, ConnectionRef, Identity } from "#core/policy/facts.ts";
import { nearest } from "#core/api/nearest.ts";

export type Read<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly message: string };

/** `serviceaccount:shop/reporter`, `oidc:github,repository=acme/orders`, `user:alice@acme.example,group=sre`. */
export function readSubject(text: string): Read<Identity> {
  const colon = text.indexOf(":");
  const word = text.slice(0, Math.max(0, colon)).toLowerCase();
  const rest = text.slice(colon + 1);
  const reader = Object.hasOwn(READERS, word) ? READERS[word as keyof typeof READERS] : undefined;
  if (reader !== undefined) return reader(rest);
  const guess = nearest(word, Object.keys(READERS));
  const hint = guess === undefined ? "" : ` (did you mean ${guess}:${rest}?)`;
  return wrong(`"${text}" is not a subject${hint}; write ${FORMS}`);
}

/** `agent:serviceaccount:shop/boss`, `person:user:alice@acme.example`. */
export function readAncestor(text: string): Read<Ancestor> {
  const [word, ...rest] = text.split(":");
  const kind = ANCESTOR_KINDS.find((known) => known === word?.toLowerCase());
  if (kind === undefined) {
    return wrong(
      `"${text}" is not an ancestor; write what it is before who it is: ` +
        `${ANCESTOR_KINDS.join(", ")}, as in agent:serviceaccount:shop/boss`,
    );
  }
  const subject = readSubject(rest.join(":"));
  return subject.ok ? { ok: true, value: { kind, identity: subject.value } } : subject;
}

/** `shop/orders-db`. */
export function readConnection(text: string): Read<ConnectionRef> {
  const pair = namespaceAndName(text, "/");
  if (pair === undefined)
    return wrong(`"${text}" is not a connection; write NAMESPACE/NAME, as in shop/orders-db`);
  return { ok: true, value: pair };
}

/** The same form that `readSubject` takes, for output that can be pasted back. */
export function writeSubject(identity: Identity): string {
  const parts: string[] = [];
  const { serviceAccount, pod, oidc, user } = identity;
  if (serviceAccount) {
    const inPod = pod === undefined ? "" : `,pod=${pod.name}/${pod.uid}`;
    parts.push(`serviceaccount:${serviceAccount.namespace}/${serviceAccount.name}${inPod}`);
  }
  if (oidc) {
    const claims = Object.entries(oidc.claims).flatMap(([name, value]) =>
      Array.isArray(value)
        ? value.map((item) => `${name}=${escapeComma(item)}`)
        : [`${name}=${escapeComma(String(value))}`],
    );
    parts.push(`oidc:${[oidc.provider, ...claims].join(",")}`);
  }
  if (user)
    parts.push(
      `user:${[user.name, ...user.groups.map((group) => `group=${group}`)].map(escapeComma).join(",")}`,
    );
  return parts.length === 0 ? "nobody" : parts.join(" and ");
}

export function writeAncestor(ancestor: Ancestor): string {
  return `${ancestor.kind}:${writeSubject(ancestor.identity)}`;
}

const FORMS =
  "serviceaccount:NAMESPACE/NAME, oidc:PROVIDER,CLAIM=VALUE or user:NAME,group=GROUP (a comma inside a value is \\,)";

const ANCESTOR_KINDS = ["agent", "person", "ci", "controller"] as const satisfies readonly AncestorKind[];

const READERS = {
  serviceaccount: readServiceAccount,
  sa: readServiceAccount,
  // As Kubernetes itself writes it in a token: system:serviceaccount:shop:reporter.
  system: (rest: string) => readServiceAccount(rest.replace(/^serviceaccount:/i, "").replace(":", "/")),
  oidc: readOidc,
  user: readUser,
} as const satisfies Record<string, (rest: string) => Read<Identity>>;

/** With `pod=NAME/UID` it is that very pod. */
function readServiceAccount(rest: string): Read<Identity> {
  const [account = "", ...pairs] = splitAtCommas(rest);
  const serviceAccount = namespaceAndName(account, "/") ?? namespaceAndName(account, ":");
  if (serviceAccount !== undefined && pairs.length === 0) return { ok: true, value: { serviceAccount } };
  const [key, value = ""] = nameAndValue(pairs[0] ?? "");
  const [name, uid, ...more] = value.split("/");
  const isPod = pairs.length === 1 && key === "pod" && name && uid && more.length === 0;
  if (serviceAccount !== undefined && isPod)
    return { ok: true, value: { serviceAccount, pod: { namespace: serviceAccount.namespace, name, uid } } };
  if (serviceAccount !== undefined)
    return wrong(`"${pairs.join()}" does not belong to a service account; write pod=NAME/UID, or nothing`);
  return wrong(
    `"${rest}" does not name a service account; write serviceaccount:NAMESPACE/NAME, as in serviceaccount:shop/reporter`,
  );
}

function readOidc(rest: string): Read<Identity> {
  const [provider = "", ...pairs] = splitAtCommas(rest);
  if (provider === "" || provider.includes("=")) {
    return wrong(
      `an OIDC subject starts with its provider: oidc:github,repository=acme/orders, not "oidc:${rest}"`,
    );
  }
  const claims = new Map<string, ClaimValue>();
  for (const pair of pairs) {
    const [name, value] = nameAndValue(pair);
    if (value === undefined)
      return wrong(`"${pair}" is not a claim; write CLAIM=VALUE, as in repository=acme/orders`);
    const before = claims.get(name);
    if (before === undefined) claims.set(name, value);
    else claims.set(name, Array.isArray(before) ? [...before, value] : [String(before), value]);
  }
  return { ok: true, value: { oidc: { provider, claims: Object.fromEntries(claims) } } };
}

function readUser(rest: string): Read<Identity> {
  const [name = "", ...pairs] = splitAtCommas(rest);
  if (name === "") return wrong("a user needs a name: user:alice@acme.example,group=sre");
  const groups: string[] = [];
  for (const pair of pairs) {
    const [key, value] = nameAndValue(pair);
    if (key !== "group" || value === undefined) {
      return wrong(`"${pair}" does not belong to a user; write group=GROUP, once for each group`);
    }
    groups.push(value);
  }
  return { ok: true, value: { user: { name, groups } } };
}

function namespaceAndName(text: string, separator: string): ConnectionRef | undefined {
  const [namespace, name, ...more] = text.split(separator);
  if (!namespace || !name || more.length > 0) return undefined;
  return { namespace, name };
}

function nameAndValue(pair: string): readonly [string, string | undefined] {
  const equals = pair.indexOf("=");
  return equals < 1 ? [pair, undefined] : [pair.slice(0, equals), pair.slice(equals + 1)];
}

function splitAtCommas(text: string): string[] {
  return text.split(/(?<!\\),/).map((part) => part.replaceAll("\\,", ","));
}

const escapeComma = (text: string): string => text.replaceAll(",", "\\,");

const wrong = (message: string): { readonly ok: false; readonly message: string } => ({ ok: false, message });
