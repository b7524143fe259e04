/** What no schema may lack: a description everywhere, and a bound on everything that can grow. */
import type { KindNode, Node } from "./node.ts";

export function checkBounds(kinds: readonly KindNode[]): string[] {
  const problems: string[] = [];
  for (const { file, root } of kinds) {
    if (root.description === undefined) problems.push(`${file}: no description`);
    for (const [name, node] of root.properties ?? []) {
      if (name !== "apiVersion" && name !== "kind" && name !== "metadata")
        visit(node, `${file}: ${name}`, problems);
    }
  }
  return problems;
}

function visit(node: Node, at: string, problems: string[]): void {
  for (const what of lacking(node)) problems.push(`${at}: no ${what}`);
  const missing = node.required.find((name) => node.properties?.has(name) !== true);
  if (missing !== undefined) problems.push(`${at}: required names ${missing}, which is no property`);
  for (const [name, child] of node.properties ?? []) visit(child, `${at}.${name}`, problems);
  if (node.items !== undefined) visit(node.items, `${at}[]`, problems);
  if (node.values !== undefined) visit(node.values, `${at}{}`, problems);
}

function lacking({ type, keywords, description, expects, items, properties, values }: Node): string[] {
  const has = (keyword: string): boolean => keywords[keyword] !== undefined;
  const lacks: Readonly<Record<string, boolean>> = {
    description: description === undefined || description === "",
    maxLength: type === "string" && !has("maxLength") && !has("enum"),
    $expects: has("pattern") && expects === undefined,
    minimum: type === "integer" && !has("minimum"),
    maxItems: type === "array" && !has("maxItems"),
    items: type === "array" && items === undefined,
    maxProperties: values !== undefined && !has("maxProperties"),
    properties: type === "object" && properties === undefined && values === undefined,
  };
  return Object.keys(lacks).filter((what) => lacks[what]);
}
