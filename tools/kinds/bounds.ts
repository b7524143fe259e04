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
  const lacks = (what: string): void => void problems.push(`${at}: no ${what}`);
  const { keywords } = node;
  if (node.description === undefined || node.description === "") lacks("description");
  if (node.type === "string" && keywords["maxLength"] === undefined && keywords["enum"] === undefined)
    lacks("maxLength");
  if (node.type === "string" && keywords["pattern"] !== undefined && node.expects === undefined)
    lacks("$expects");
  if (node.type === "integer" && keywords["minimum"] === undefined) lacks("minimum");
  if (node.type === "array" && keywords["maxItems"] === undefined) lacks("maxItems");
  if (node.type === "array" && node.items === undefined) lacks("items");
  if (node.values !== undefined && keywords["maxProperties"] === undefined) lacks("maxProperties");
  if (node.type === "object" && node.properties === undefined && node.values === undefined)
    lacks("properties");
  const missing = node.required.find((name) => node.properties?.has(name) !== true);
  if (missing !== undefined) problems.push(`${at}: required names ${missing}, which is no property`);
  for (const [name, child] of node.properties ?? []) visit(child, `${at}.${name}`, problems);
  if (node.items !== undefined) visit(node.items, `${at}[]`, problems);
  if (node.values !== undefined) visit(node.values, `${at}{}`, problems);
}
