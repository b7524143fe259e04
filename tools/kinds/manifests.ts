/** Writes the CustomResourceDefinitions that `kubectl apply` takes. */
import { dump } from "js-yaml";
import type { KindNode, Node } from "./node.ts";
import { asRaw, type Raw } from "./sources.ts";

const HEADER = "# Assembled from crds/source by `make generate`. Do not edit: change the source.\n";

export function manifestText(kind: KindNode, manifest: Raw): string {
  const spec = asRaw(manifest["spec"], kind.file);
  const [version] = spec["versions"] as readonly Raw[];
  const whole = {
    ...manifest,
    spec: { ...spec, versions: [{ ...version, schema: { openAPIV3Schema: crdSchema(kind.root) } }] },
  };
  return HEADER + dump(whole, { lineWidth: -1, noRefs: true });
}

function crdSchema(node: Node): Raw {
  const { required, properties, items, values, rules } = node;
  return {
    ...(node.description === undefined ? {} : { description: node.description }),
    type: node.type,
    ...node.keywords,
    ...(required.length === 0 ? {} : { required }),
    ...(properties === undefined ? {} : { properties: mapValues(properties, crdSchema) }),
    ...(items === undefined ? {} : { items: crdSchema(items) }),
    ...(values === undefined ? {} : { additionalProperties: crdSchema(values) }),
    ...(rules.length === 0 ? {} : { "x-kubernetes-validations": rules }),
  };
}

function mapValues(from: ReadonlyMap<string, Node>, to: (node: Node) => Raw): Raw {
  return Object.fromEntries([...from].map(([key, node]) => [key, to(node)]));
}
