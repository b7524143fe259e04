/**
 * What a broken policy closes while no good version of it is known. Only what is beyond doubt narrows it: a typo must
 * never make a policy reach less than it was meant to.
 */
import type { Findings } from "./findings.ts";
import type { Identified } from "./identify.ts";
import { isPolicy } from "./identify.ts";
import type { PolicyId, Reach } from "./loaded.ts";
import { entryOf, type Located } from "./located.ts";

const CLUSTER: Reach = { scope: "cluster" };

export function reachOf(root: Located, identified: Identified, findings: Findings): Reach {
  if (identified.state === "known" && identified.kind !== "SecretAccessPolicy") return CLUSTER;
  const namespace = namespaceOf(root, findings);
  if (namespace === undefined) return CLUSTER;
  const whole: Reach = { scope: "namespace", namespace };
  // The selectors of a document of unknown kind were never checked.
  if (identified.state !== "known" || findings.doubts(["spec", "connections"])) return whole;
  const connections = entryOf(entryOf(root, "spec")?.value, "connections")?.value;
  const names = textsOf(entryOf(connections, "names")?.value);
  if (names !== undefined) return { scope: "names", namespace, names };
  const matchLabels = labelsOf(entryOf(connections, "matchLabels")?.value);
  return matchLabels === undefined ? whole : { scope: "labels", namespace, matchLabels };
}

export function policyIdOf(root: Located, identified: Identified, findings: Findings): PolicyId | undefined {
  if (identified.state !== "known" || !isPolicy(identified.kind)) return undefined;
  const name = certainText(root, "name", findings);
  if (name === undefined) return undefined;
  if (identified.kind === "ClusterSecretAccessPolicy") return { kind: identified.kind, name };
  const namespace = namespaceOf(root, findings);
  return namespace === undefined ? undefined : { kind: identified.kind, namespace, name };
}

export function namespaceOf(root: Located, findings: Findings): string | undefined {
  return certainText(root, "namespace", findings);
}

export function certainText(
  root: Located,
  field: "name" | "namespace",
  findings: Findings,
): string | undefined {
  if (findings.doubts(["metadata", field])) return undefined;
  const value = entryOf(entryOf(root, "metadata")?.value, field)?.value;
  return value?.kind === "scalar" && FORMS[field].test(value.text) ? value.text : undefined;
}

/** A document of unknown kind was not checked; a namespace that cannot exist must not be what it reaches. */
const FORMS = {
  name: /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/,
  namespace: /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
};

function textsOf(node: Located | undefined): readonly string[] | undefined {
  if (node?.kind !== "list") return undefined;
  const texts = node.items.flatMap((item) => (item.kind === "scalar" ? [item.text] : []));
  return texts.length === node.items.length ? texts : undefined;
}

function labelsOf(node: Located | undefined): Readonly<Record<string, string>> | undefined {
  if (node?.kind !== "map") return undefined;
  const labels: Record<string, string> = Object.create(null);
  for (const { key, value } of node.entries) {
    if (value.kind !== "scalar") return undefined;
    labels[key] = value.text;
  }
  return labels;
}
