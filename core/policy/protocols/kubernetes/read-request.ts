/**
 * From the line of an HTTP request to what it does, by the same steps as the API server (`RequestInfoFactory` of
 * k8s.io/apiserver). Where it could understand a path otherwise than we do, it is a doubt, and no rule permits it.
 */
import type { Act, Impersonation, KubernetesRequest, ResourceAct, Verb } from "./acts.ts";

const METHODS: Readonly<Record<string, Verb>> = {
  GET: "get",
  HEAD: "get",
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/** Subresources that take over the connection, or pass on another request: the method says nothing of what they do. */
const STREAMS: ReadonlySet<string> = new Set(["exec", "attach", "portforward", "proxy"]);
const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(["status", "finalize"]);
/** In a path before the resource: `/api/v1/watch/pods`. */
const VERBS_IN_PATHS: ReadonlySet<string> = new Set(["watch", "proxy"]);

/** `target`: path and query, as they were sent. `impersonation`: where the request asks to be taken for somebody else. */
export function readRequest(
  method: string,
  target: string,
  impersonation?: Impersonation,
): KubernetesRequest {
  const act = readAct(method, target);
  return { protocol: "kubernetes", acts: impersonation === undefined ? [act] : [impersonation, act] };
}

/** `users`: what the fields that name the user say. */
export function readImpersonation(users: readonly string[]): Impersonation {
  const [user, another] = users;
  if (user === undefined || user === "" || another !== undefined) return { kind: "impersonation" };
  return { kind: "impersonation", of: user };
}

function readAct(method: string, target: string): Act {
  const [rawPath = "", ...queries] = target.split("?");
  const verb = METHODS[method];
  if (verb === undefined) return doubt(`the method ${method.slice(0, 20)}`);
  const segments = segmentsOf(rawPath);
  if (segments === undefined) return doubt("a path that can be read in several ways");
  const query = queryOf(queries.join("?"));
  if (query === undefined) return doubt("a query that can be read in several ways");
  const [prefix, ...behind] = segments;
  const isGroupless = prefix === "api";
  const rest = isGroupless ? behind : behind.slice(1);
  const isResource = segments.length >= 3 && (isGroupless || prefix === "apis") && rest.length >= 2;
  if (!isResource) return { kind: "path", verb, path: `/${segments.join("/")}` };
  // The version comes first, and is all the same to rules.
  return resourceAct(isGroupless ? "" : (behind[0] ?? ""), rest.slice(1), verb, query);
}

function doubt(text: string): Act {
  return { kind: "doubt", text };
}

/** Printable ASCII without what separates; `%` is only read once, and what it hides may be no separator. */
const SEGMENT = /^[\x21-\x7e]+$/;

/** Undefined where a proxy, a cleaner of paths or a second decoder could come to another path. */
function segmentsOf(rawPath: string): readonly string[] | undefined {
  const plain = rawPath.replace(/^\//, "").replace(/\/$/, "");
  if (!rawPath.startsWith("/")) return undefined;
  if (plain === "") return [];
  const segments: string[] = [];
  for (const raw of plain.split("/")) {
    const segment = decoded(raw);
    if (segment === undefined || !SEGMENT.test(segment) || /[/\\%?#;]/.test(segment)) return undefined;
    if (segment === "." || segment === "..") return undefined;
    segments.push(segment);
  }
  return segments;
}

function decoded(text: string): string | undefined {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** What of the query says what is done; of a parameter that is given twice nobody knows which one counts. */
interface Query {
  readonly watches: boolean;
  readonly fieldSelector: string;
}

const OF_INTEREST = ["watch", "fieldSelector"] as const;

function queryOf(raw: string): Query | undefined {
  const found = new Map<string, string>();
  for (const pair of raw.split("&")) {
    const [rawName = "", ...values] = pair.split("=");
    const name = decoded(rawName.replaceAll("+", " "));
    const value = decoded(values.join("=").replaceAll("+", " "));
    // A semicolon once separated too, and to Go it is an error for which the pair is left out.
    if (name === undefined || value === undefined || pair.includes(";")) return undefined;
    const isMeant = OF_INTEREST.some((one) => one.toLowerCase() === name.toLowerCase());
    if (!isMeant) continue;
    if (found.has(name) || !OF_INTEREST.some((one) => one === name)) return undefined;
    found.set(name, value);
  }
  const watch = found.get("watch");
  return {
    watches: watch !== undefined && !["false", "0"].includes(watch.toLowerCase()),
    fieldSelector: found.get("fieldSelector") ?? "",
  };
}

function resourceAct(group: string, segments: readonly string[], byMethod: Verb, query: Query): Act {
  const [first = ""] = segments;
  const isWatchPath = VERBS_IN_PATHS.has(first);
  if (isWatchPath && (first === "proxy" || segments.length < 2 || byMethod !== "get"))
    return doubt("a path of former versions");
  const { namespace, parts } = placeOf(isWatchPath ? segments.slice(1) : segments);
  const [resource, name, subresource, ...more] = parts;
  if (resource === undefined) return doubt("a path without a resource");
  if (more.length > 0 && subresource !== "proxy") return doubt("a path that goes on behind a subresource");
  if (isWatchPath && subresource !== undefined) return doubt("a path of former versions");
  const named = { namespace, name, subresource };
  const isStream = subresource !== undefined && STREAMS.has(subresource);
  const verb = isWatchPath ? "watch" : isStream ? "create" : verbOf(byMethod, name, query);
  return {
    kind: "resource",
    verb,
    group,
    resource,
    ...withoutAbsent({ ...named, name: name ?? (isWatchPath ? undefined : selectedName(verb, query)) }),
  };
}

function placeOf(segments: readonly string[]): { namespace: string | undefined; parts: readonly string[] } {
  const [first, namespace, third] = segments;
  if (first !== "namespaces" || namespace === undefined) return { namespace: undefined, parts: segments };
  const isOfNamespaceItself = third === undefined || NAMESPACE_SUBRESOURCES.has(third);
  return { namespace, parts: isOfNamespaceItself ? segments : segments.slice(2) };
}

function verbOf(byMethod: Verb, name: string | undefined, { watches }: Query): Verb {
  // Of one object by its path `watch` is not heard.
  if (name !== undefined) return byMethod;
  if (byMethod === "get") return watches ? "watch" : "list";
  return byMethod === "delete" ? "deletecollection" : byMethod;
}

/** A list or watch of exactly one object is of that object: `kubectl get pod web --watch` asks so. */
function selectedName(verb: Verb, { fieldSelector }: Query): string | undefined {
  if (verb !== "list" && verb !== "watch") return undefined;
  const names = fieldSelector.split(",").flatMap((term) => {
    const [, name] = /^metadata\.name==?(?!\.\.?$)([^=!\\/%]+)$/.exec(term) ?? [];
    return name === undefined ? [] : [name];
  });
  return names.length === 1 ? names[0] : undefined;
}

function withoutAbsent(parts: Readonly<Record<"namespace" | "name" | "subresource", string | undefined>>) {
  const present = Object.entries(parts).filter(([, part]) => part !== undefined);
  return Object.fromEntries(present) as Pick<ResourceAct, "namespace" | "name" | "subresource">;
}
