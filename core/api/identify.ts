/** Which kind a document is, or whether it could at least be a policy: then its absence must not open anything. */
import type { Findings } from "./findings.ts";
import { API_VERSION, isKindName, KIND_NAMES, type KindName, POLICY_KINDS } from "./kind-schemas.ts";
import { entryOf, type Located, quoted } from "./located.ts";
import { nearest } from "./nearest.ts";

export type Identified =
  | { readonly state: "known"; readonly kind: KindName }
  | { readonly state: "maybePolicy" }
  /** Certainly none of ours. */
  | { readonly state: "foreign" };

const GROUP = "sallyport.dev";

export function identify(root: Located, findings: Findings): Identified {
  if (root.kind !== "map") {
    const message = "expected an object with apiVersion, kind, metadata and spec";
    findings.add({ code: "NOT_AN_OBJECT", start: root.start, path: [], message });
    return { state: "maybePolicy" };
  }
  const kind = textOf(root, "kind");
  const apiVersion = textOf(root, "apiVersion");
  const known = KIND_NAMES.find((name) => name === kind);
  if (root.damaged || findings.doubts(["kind"]) || findings.doubts(["apiVersion"]))
    return { state: "maybePolicy" };
  if (apiVersion === API_VERSION && known !== undefined) return { state: "known", kind: known };
  for (const name of ["apiVersion", "kind"] as const) {
    if (entryOf(root, name) !== undefined) continue;
    const wanted = name === "kind" ? `one of ${KIND_NAMES.join(", ")}` : API_VERSION;
    const message = `${name} is missing; give ${wanted}`;
    findings.add({ code: "MISSING_FIELD", start: root.start, path: [name], message });
  }
  if (apiVersion === API_VERSION) return unknownKind(root, kind, findings);
  if (apiVersion === undefined)
    return known === undefined || isPolicy(known) ? { state: "maybePolicy" } : { state: "foreign" };
  return otherVersion(root, apiVersion, kind, findings);
}

function unknownKind(root: Located, kind: string | undefined, findings: Findings): Identified {
  const entry = entryOf(root, "kind");
  if (entry === undefined) return { state: "maybePolicy" };
  const near = kind === undefined ? undefined : nearest(kind, KIND_NAMES);
  const hint = near === undefined ? "" : `; did you mean ${quoted(near)}?`;
  const found = kind === undefined ? "something else" : quoted(kind);
  const message = `expected one of ${KIND_NAMES.join(", ")}, found ${found}${hint}`;
  findings.add({ code: "UNKNOWN_KIND", start: entry.value.start, path: ["kind"], message });
  return { state: "maybePolicy" };
}

function otherVersion(
  root: Located,
  apiVersion: string,
  kind: string | undefined,
  findings: Findings,
): Identified {
  const start = entryOf(root, "apiVersion")?.value.start ?? root.start;
  const [group = ""] = apiVersion.split("/");
  const ours = group === GROUP || nearest(apiVersion, [API_VERSION]) !== undefined;
  const near = kind === undefined ? undefined : nearest(kind, KIND_NAMES);
  const likely = near !== undefined && isKindName(near) ? near : undefined;
  if (ours || likely !== undefined) {
    const message = `expected ${API_VERSION}, found ${quoted(apiVersion)}`;
    findings.add({ code: "UNKNOWN_API_VERSION", start, path: ["apiVersion"], message });
    return likely !== undefined && !isPolicy(likely) ? { state: "foreign" } : { state: "maybePolicy" };
  }
  if (kind?.endsWith("List") === true) {
    const message = `a ${quoted(kind)} is not read: write its items as documents of their own, separated by ---`;
    findings.add({ code: "LIST_OBJECT", start, path: [], message });
    return { state: "maybePolicy" };
  }
  const what = kind === undefined ? quoted(apiVersion) : `${quoted(kind)} of ${quoted(apiVersion)}`;
  const message = `${what} is none of ours; keep it in another directory`;
  findings.add({ code: "FOREIGN_OBJECT", start, path: [], message });
  return { state: "foreign" };
}

export function isPolicy(kind: KindName): kind is (typeof POLICY_KINDS)[number] {
  return POLICY_KINDS.some((name) => name === kind);
}

function textOf(root: Located, key: string): string | undefined {
  const value = entryOf(root, key)?.value;
  return value?.kind === "scalar" && value.text !== "" ? value.text : undefined;
}
