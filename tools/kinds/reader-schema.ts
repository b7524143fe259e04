/** Writes core/api/schema.gen.ts: the kinds as data for the reader, without the descriptions. */
import type { KindNode, Node } from "./node.ts";

const HEADER = `/* Generated from crds/source by \`make generate\`. Do not edit. */
import type { KindSchema, Schema } from "./schema.ts";
`;

export function readerSchemaText(kinds: readonly KindNode[]): string {
  const constants = new Map<string, string>();
  const rows = kinds.map(({ kind, scope, root }) => {
    const spec = root.properties?.get("spec");
    if (spec === undefined) throw new Error(`${kind} has no spec`);
    return `  ${kind}: { scope: ${JSON.stringify(scope)}, spec: ${schemaText(spec, constants)} },\n`;
  });
  const fragments = [...constants].map(([name, text]) => `\nconst ${name}: Schema = ${text};\n`).join("");
  return `${HEADER}${fragments}\nexport const KINDS = {\n${rows.join("")}} as const satisfies Record<string, KindSchema>;\n`;
}

/** A fragment becomes a constant; where its place added rules or a default, it is written out. */
function schemaText(node: Node, constants: Map<string, string>): string {
  const text = literalText(node, constants);
  if (node.name === undefined || (node.properties === undefined && node.values === undefined)) return text;
  const known = constants.get(node.name);
  if (known === undefined) constants.set(node.name, text);
  return known === undefined || known === text ? node.name : text;
}

function literalText(node: Node, constants: Map<string, string>): string {
  const { keywords: k } = node;
  const field = (name: string, value: unknown): string =>
    value === undefined ? "" : `${name}: ${JSON.stringify(value)}, `;
  const rules = node.rules.length === 0 ? "" : field("rules", node.rules);
  if (node.items !== undefined) {
    const unique = uniqueText(node);
    const counts = field("minItems", k["minItems"]) + field("maxItems", k["maxItems"]);
    return `{ type: "list", ${counts}${unique}${rules}items: ${schemaText(node.items, constants)} }`;
  }
  if (node.values !== undefined) {
    const counts = field("minProperties", k["minProperties"]) + field("maxProperties", k["maxProperties"]);
    const keys = field("keyPattern", node.keyPattern) + field("keyExpects", node.keyExpects);
    return `{ type: "map", ${counts}${keys}${rules}values: ${literalText(node.values, constants)} }`;
  }
  if (node.properties !== undefined) {
    const properties = [...node.properties].map(
      ([name, child]) => `${name}: ${schemaText(child, constants)}`,
    );
    const required = node.required.length === 0 ? "" : field("required", node.required);
    const counts = field("minProperties", k["minProperties"]);
    return `{ type: "object", ${counts}${required}${field("hints", node.hints)}${rules}properties: { ${properties.join(", ")} } }`;
  }
  const plain = ["enum", "pattern", "format", "minLength", "maxLength", "minimum", "maximum", "default"];
  return `{ type: "${node.type}", ${plain.map((name) => field(name, k[name])).join("")}${field("expects", node.expects)}${field("synonyms", node.synonyms)}${rules}}`;
}

function uniqueText(node: Node): string {
  const listType = node.keywords["x-kubernetes-list-type"];
  if (listType === "set") return `unique: { by: "value" }, `;
  if (listType !== "map") return "";
  const keys = node.keywords["x-kubernetes-list-map-keys"] as readonly string[];
  if (keys.length !== 1) throw new Error(`list map keys ${keys.join(", ")}: the reader knows one key`);
  return `unique: { by: "key", key: ${JSON.stringify(keys[0])} }, `;
}
