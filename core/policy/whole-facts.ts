/** Whether facts can be judged at all. They are made by our own code; this is what keeps a bug there from opening a door. */
import type { Ancestor, AncestorKind, Caller, ConnectionRef, Facts, Identity } from "./facts.ts";
import { isInstantMs } from "./instant.ts";
import { familyOf, isProtocolName } from "./protocols/table.ts";
import { isRecord } from "./shape.ts";

/** Far deeper than agents launch agents; a longer chain is a loop or an attack. */
const ANCESTORS_MAX = 64;

const ANCESTOR_KINDS = {
  agent: true,
  person: true,
  ci: true,
  controller: true,
} as const satisfies Record<AncestorKind, true>;

export function areWholeFacts(value: unknown): value is Facts {
  return (
    isRecord(value) &&
    isInstantMs(value["nowMs"]) &&
    isCaller(value["caller"]) &&
    isConnectionRef(value["connection"]) &&
    isRequest(value["request"])
  );
}

function isCaller(value: unknown): value is Caller {
  return isRecord(value) && isIdentity(value["identity"]) && areAncestors(value["ancestors"]);
}

/** Also of what was put on record and is read again. */
export function areAncestors(value: unknown): value is readonly Ancestor[] {
  return isList(value, isAncestor, ANCESTORS_MAX);
}

function isAncestor(value: unknown): value is Ancestor {
  return (
    isRecord(value) &&
    typeof value["kind"] === "string" &&
    Object.hasOwn(ANCESTOR_KINDS, value["kind"]) &&
    isIdentity(value["identity"])
  );
}

function isIdentity(value: unknown): value is Identity {
  if (!isRecord(value)) return false;
  const { serviceAccount, pod, oidc, user } = value;
  return (
    (pod === undefined || (isRecord(pod) && isConnectionRef(pod) && isText(pod["uid"]))) &&
    (serviceAccount === undefined || isConnectionRef(serviceAccount)) &&
    (oidc === undefined ||
      (isRecord(oidc) && typeof oidc["provider"] === "string" && isRecord(oidc["claims"]))) &&
    (user === undefined ||
      (isRecord(user) && typeof user["name"] === "string" && isList(user["groups"], isText)))
  );
}

/** A namespace and a name, as service accounts have them too. */
function isConnectionRef(value: unknown): value is ConnectionRef {
  return isRecord(value) && isText(value["namespace"]) && isText(value["name"]);
}

function isRequest(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { protocol } = value;
  return isProtocolName(protocol) && familyOf(protocol).isRequest(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isList(value: unknown, test: (entry: unknown) => boolean, entriesMax = Infinity): boolean {
  if (!Array.isArray(value) || value.length > entriesMax) return false;
  for (let at = 0; at < value.length; at += 1) if (!test(value[at])) return false;
  return true;
}
