/** What requests to a Kubernetes API do, as its own authorization sees them: a verb on a resource, or on a path. */
import { isRecord } from "../../shape.ts";

export const VERBS = [
  "get",
  "list",
  "watch",
  "create",
  "update",
  "patch",
  "delete",
  "deletecollection",
] as const;
export type Verb = (typeof VERBS)[number];

export interface ResourceAct {
  readonly kind: "resource";
  readonly verb: Verb;
  /** Empty for the core group. */
  readonly group: string;
  /** Plural, as in paths: `pods`. */
  readonly resource: string;
  readonly subresource?: string;
  /** Absent: of the cluster, or of every namespace at once. */
  readonly namespace?: string;
  /** Absent where the request names none: lists, and what is created. */
  readonly name?: string;
}

/** Discovery, health, metrics: what is no resource. */
export interface PathAct {
  readonly kind: "path";
  readonly verb: Verb;
  readonly path: string;
}

/** Asks to be taken for somebody else; `of`: for whom, where that is one user. */
export interface Impersonation {
  readonly kind: "impersonation";
  readonly of?: string;
}

export type Act =
  | ResourceAct
  | PathAct
  | Impersonation
  /** Nobody can tell what it does. `text`: safe to show. */
  | { readonly kind: "doubt"; readonly text: string };

/** Empty `acts`: may the session exist at all. */
export interface KubernetesRequest {
  readonly protocol: "kubernetes";
  readonly acts: readonly Act[];
}

const VERB_SET: ReadonlySet<unknown> = new Set(VERBS);

export function isKubernetesRequest(value: unknown): value is KubernetesRequest {
  if (!isRecord(value) || value["protocol"] !== "kubernetes") return false;
  const { acts } = value;
  if (!Array.isArray(acts)) return false;
  // Unlike Array.prototype.every this looks into holes too.
  for (let at = 0; at < acts.length; at += 1) if (!isAct(acts[at])) return false;
  return true;
}

function isAct(value: unknown): value is Act {
  if (!isRecord(value)) return false;
  const { kind, verb, group, resource, path, text } = value;
  switch (kind) {
    case "resource":
      return (
        VERB_SET.has(verb) &&
        typeof group === "string" &&
        isName(resource) &&
        [value["subresource"], value["namespace"], value["name"]].every(
          (part) => part === undefined || isName(part),
        )
      );
    case "path":
      return VERB_SET.has(verb) && isName(path);
    case "impersonation":
      return value["of"] === undefined || isName(value["of"]);
    case "doubt":
      return isName(text);
    default:
      return false;
  }
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** Acts that a list or collection of objects is meant by: which ones it does not say. */
export function isOfMany({ verb, name }: ResourceAct): boolean {
  return name === undefined && verb !== "create";
}
