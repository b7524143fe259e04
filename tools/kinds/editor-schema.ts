/** Writes the JSON Schema (draft 7) that editors complete and check YAML with: one file for all kinds. */
import { ANNOTATIONS, LABELS, NAME, NAMESPACE } from "#core/api/metadata-schemas.ts";
import type { MapSchema, StringSchema } from "#core/api/schema.ts";
import type { KindNode, Node } from "./node.ts";
import type { Raw } from "./sources.ts";

export const EDITOR_SCHEMA_ID = "https://sallyport.dev/schema/v1alpha1/sallyport.schema.json";

export function editorSchemaText(kinds: readonly KindNode[]): string {
  const definitions = new Map<string, Raw>();
  for (const kind of kinds) definitions.set(kind.kind, kindSchema(kind, definitions));
  const whole = {
    $schema: "http://json-schema.org/draft-07/schema#",
    $id: EDITOR_SCHEMA_ID,
    $comment: "Generated from crds/source by `make generate`. Do not edit.",
    title: "Sallyport",
    type: "object",
    required: ["apiVersion", "kind", "metadata", "spec"],
    properties: {
      apiVersion: { const: "sallyport.dev/v1alpha1", description: "Always `sallyport.dev/v1alpha1`." },
      kind: { enum: kinds.map(({ kind }) => kind), description: "What the document is." },
    },
    allOf: kinds.map(({ kind }) => ({
      if: { properties: { kind: { const: kind } }, required: ["kind"] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { $ref: `#/definitions/${kind}` },
    })),
    definitions: Object.fromEntries([...definitions].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  return `${JSON.stringify(whole, null, 1)}\n`;
}

function kindSchema({ kind, scope, root }: KindNode, definitions: Map<string, Raw>): Raw {
  const spec = root.properties?.get("spec");
  if (spec === undefined) throw new Error(`${kind} has no spec`);
  return {
    description: root.description,
    type: "object",
    required: ["apiVersion", "kind", "metadata", "spec"],
    additionalProperties: false,
    properties: {
      apiVersion: { const: "sallyport.dev/v1alpha1" },
      kind: { const: kind },
      metadata: {
        type: "object",
        additionalProperties: false,
        required: scope === "Namespaced" ? ["name", "namespace"] : ["name"],
        properties: {
          name: textSchema(NAME),
          ...(scope === "Namespaced" ? { namespace: textSchema(NAMESPACE) } : {}),
          labels: textsSchema(LABELS),
          annotations: textsSchema(ANNOTATIONS),
        },
      },
      spec: place(spec, definitions),
    },
  };
}

function textSchema({ maxLength, pattern, expects }: StringSchema): Raw {
  return {
    type: "string",
    maxLength,
    ...(pattern === undefined ? {} : { pattern, patternErrorMessage: `Expected ${expects}.` }),
  };
}

function textsSchema({ keyPattern, maxProperties, values }: MapSchema): Raw {
  return {
    type: "object",
    maxProperties,
    propertyNames: { pattern: keyPattern },
    additionalProperties: textSchema(values),
  };
}

/** Draft 7 ignores what stands beside a `$ref`, so a description of the place goes around it. */
function place(node: Node, definitions: Map<string, Raw>): Raw {
  if (node.name === undefined || node.properties === undefined)
    return schema(node, node.description, definitions);
  if (!definitions.has(node.name)) {
    definitions.set(node.name, schema(node, node.ownDescription ?? node.description, definitions));
  }
  return { description: node.description, allOf: [{ $ref: `#/definitions/${node.name}` }] };
}

function schema(node: Node, description: string | undefined, definitions: Map<string, Raw>): Raw {
  const { "x-kubernetes-list-type": listType, "x-kubernetes-list-map-keys": _keys, ...plain } = node.keywords;
  const { required, properties, items, values, expects, keyPattern } = node;
  return {
    description,
    type: node.type,
    ...plain,
    ...(expects === undefined ? {} : { patternErrorMessage: `Expected ${expects}.` }),
    ...(listType === "set" ? { uniqueItems: true } : {}),
    ...(required.length === 0 ? {} : { required }),
    ...(properties === undefined
      ? {}
      : {
          additionalProperties: false,
          properties: Object.fromEntries(
            [...properties].map(([name, child]) => [name, place(child, definitions)]),
          ),
        }),
    ...(items === undefined ? {} : { items: place(items, definitions) }),
    ...(values === undefined
      ? {}
      : { additionalProperties: schema(values, values.description, definitions) }),
    ...(keyPattern === undefined ? {} : { propertyNames: { pattern: keyPattern } }),
  };
}
