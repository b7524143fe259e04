/** Where things are below an API server's address. */
import { type ObjectKey, parseKey, type Resource } from "./resource.ts";

export interface Place {
  readonly resource: Resource;
  /** One object; otherwise all of them. */
  readonly key?: ObjectKey | undefined;
  readonly subresource?: string | undefined;
  readonly namespace?: string | undefined;
}

export function apiPath({ resource, key, subresource, namespace }: Place): string {
  const { group, version, plural, namespaced } = resource;
  const named = key === undefined ? { namespace, name: undefined } : parseKey(key);
  if (namespaced ? key !== undefined && named.namespace === undefined : named.namespace !== undefined)
    throw new RangeError(
      `"${key ?? namespace}" does not name ${namespaced ? "a namespaced" : "a cluster-wide"} ${resource.kind}`,
    );
  const segments = [
    ...(group === "" ? ["api"] : ["apis", group]),
    version,
    ...(named.namespace === undefined ? [] : ["namespaces", named.namespace]),
    plural,
    ...(named.name === undefined ? [] : [named.name]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  // What Kubernetes itself refuses as a name, since it would lead elsewhere.
  if (segments.some((segment) => segment === "" || /^\.\.?$|[/%]/.test(segment)))
    throw new RangeError(`"${key ?? namespace}" names nothing`);
  return `/${segments.map(encodeURIComponent).join("/")}`;
}

export function query(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== undefined) search.set(name, String(value));
  return search.size === 0 ? "" : `?${search.toString()}`;
}
