/** Which connections a policy speaks of, and which a broken one closes. */
import type { Reach } from "#core/api/loaded.ts";
import { type Report, isRecord, join, readFields, readTextMap, readTexts } from "./shape.ts";

/** Every part that is given must hold; undefined parts hold for every connection. */
export interface ConnectionSelector {
  readonly namespaces: ReadonlySet<string> | undefined;
  readonly names: ReadonlySet<string> | undefined;
  readonly labels: ReadonlyMap<string, string> | undefined;
}

export interface SelectableConnection {
  readonly namespace: string;
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
}

/** kubectl's convention, for files that leave the namespace out. */
export const DEFAULT_NAMESPACE = "default";

export const EVERY_CONNECTION: ConnectionSelector = {
  namespaces: undefined,
  names: undefined,
  labels: undefined,
};

export function selectsConnection(selector: ConnectionSelector, connection: SelectableConnection): boolean {
  return whyNotConnection(selector, connection) === undefined;
}

export function whyNotConnection(
  { namespaces, names, labels }: ConnectionSelector,
  connection: SelectableConnection,
): string | undefined {
  if (namespaces && !namespaces.has(connection.namespace)) {
    return `it is for connections of ${[...namespaces].join(", ")}`;
  }
  if (names && !names.has(connection.name)) return `it is for the connections ${[...names].join(", ")}`;
  for (const [label, value] of labels ?? []) {
    if (connection.labels.get(label) !== value)
      return `it is for connections with the label ${label}: ${value}`;
  }
  return undefined;
}

export function selectsEveryConnection({ namespaces, names, labels }: ConnectionSelector): boolean {
  return namespaces === undefined && names === undefined && labels === undefined;
}

/** `own`: a SecretAccessPolicy's namespace, beyond which it cannot reach; undefined for a guardrail. */
export function readConnections(
  value: unknown,
  own: string | undefined,
  path: string,
  report: Report,
): ConnectionSelector {
  if (value === undefined && own === undefined) return EVERY_CONNECTION;
  const known = own === undefined ? ["namespaces", "names", "matchLabels"] : ["names", "matchLabels"];
  const fields = readFields(value, known, path, report);
  if (Object.keys(fields).length === 0) report(path, `must say which connections: ${known.join(", ")}`);
  const namespaces = readSet(fields["namespaces"], join(path, "namespaces"), report);
  const labels = readTextMap(fields["matchLabels"], join(path, "matchLabels"), report);
  if (fields["matchLabels"] !== undefined && labels.size === 0) {
    report(join(path, "matchLabels"), "must hold at least one label");
  }
  return {
    namespaces: own === undefined ? namespaces : new Set([own]),
    names: readSet(fields["names"], join(path, "names"), report),
    labels: labels.size === 0 ? undefined : labels,
  };
}

/** What cannot be read closes everything: a reach is only ever narrowed by what is certain. */
export function selectorOfReach(reach: Reach): ConnectionSelector {
  const fields: unknown = reach;
  if (!isRecord(fields) || typeof fields["namespace"] !== "string") return EVERY_CONNECTION;
  const inNamespace: ConnectionSelector = { ...EVERY_CONNECTION, namespaces: new Set([fields["namespace"]]) };
  switch (reach.scope) {
    case "names":
      return Array.isArray(reach.names) ? { ...inNamespace, names: new Set(reach.names) } : inNamespace;
    case "labels":
      return isRecord(reach.matchLabels)
        ? { ...inNamespace, labels: new Map(Object.entries(reach.matchLabels)) }
        : inNamespace;
    case "namespace":
      return inNamespace;
    case "cluster":
      return EVERY_CONNECTION;
    default:
      return EVERY_CONNECTION;
  }
}

function readSet(value: unknown, path: string, report: Report): ReadonlySet<string> | undefined {
  if (value === undefined) return undefined;
  const texts = readTexts(value, path, report);
  if (texts.length === 0) report(path, "is empty; leave it out to mean every one");
  return new Set(texts);
}
