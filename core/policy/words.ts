/** Identities in words, for refusals and explanations. */
import type { Identity } from "./facts.ts";
import type { PolicyId } from "#core/api/loaded.ts";

const NAME_CHARS_MAX = 120;

export function sayIdentity({ serviceAccount, pod, oidc, user }: Identity): string {
  const inPod = pod === undefined ? "" : ` in pod ${pod.name}`;
  if (serviceAccount)
    return clean(`service account ${serviceAccount.namespace}/${serviceAccount.name}${inPod}`);
  if (user) return clean(`user ${user.name}`);
  if (oidc) return clean(`a token of ${oidc.provider}${saySubject(oidc.claims)}`);
  return "an unnamed identity";
}

export function sayPolicy({ kind, namespace, name }: PolicyId): string {
  return namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

function saySubject(claims: Readonly<Record<string, unknown>>): string {
  const subject = Object.hasOwn(claims, "sub") ? claims["sub"] : undefined;
  return typeof subject === "string" ? ` for ${subject}` : "";
}

function clean(text: string): string {
  const printable = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd");
  return printable.length > NAME_CHARS_MAX ? `${printable.slice(0, NAME_CHARS_MAX)}…` : printable;
}
