/** Writes core/api/kinds.gen.ts: the kinds as TypeScript types, with the descriptions as their comments. */
import type { KindNode, Node } from "./node.ts";

const HEADER = "/* Generated from crds/source by `make generate`. Do not edit. */\n";
const METADATA = `
export interface Metadata {
  readonly name: string;
  /** Absent for kinds that are not kept in a namespace. */
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
`;
const LINE_MAX = 108;

export function typesText(kinds: readonly KindNode[], protocols: readonly string[]): string {
  const named = new Map<string, Node>();
  for (const { root } of kinds) {
    const spec = root.properties?.get("spec");
    if (spec !== undefined) collect(spec, named);
  }
  const fragments = [...named].map(([name, node]) => declaration(name, node, named)).join("");
  const union = kinds.map(({ kind }) => `\n  | ${kind}`).join("");
  const protocolNames = `\nexport const PROTOCOLS = [${protocols.map((name) => JSON.stringify(name)).join(", ")}] as const;
export type ProtocolName = (typeof PROTOCOLS)[number];\n`;
  return `${HEADER}${protocolNames}${METADATA}${kinds.map(kindText).join("")}${fragments}\nexport type Kind =${union};\n`;
}

function kindText({ kind, root }: KindNode): string {
  const spec = root.properties?.get("spec");
  if (spec === undefined) throw new Error(`${kind} has no spec`);
  return `\n${comment(root.description, "")}export interface ${kind} {
  readonly apiVersion: "sallyport.dev/v1alpha1";
  readonly kind: "${kind}";
  readonly metadata: Metadata;
  readonly spec: ${typeText(spec, "  ")};
}\n`;
}

/** Objects and word lists are worth a name of their own; a bounded string is not. */
function hasOwnType(node: Node): boolean {
  return node.name !== undefined && (node.properties !== undefined || node.keywords["enum"] !== undefined);
}

function collect(node: Node, named: Map<string, Node>): void {
  if (node.name !== undefined && hasOwnType(node) && !named.has(node.name)) named.set(node.name, node);
  for (const child of node.properties?.values() ?? []) collect(child, named);
  if (node.items !== undefined) collect(node.items, named);
}

function declaration(name: string, node: Node, named: ReadonlyMap<string, Node>): string {
  const about = comment(node.ownDescription ?? node.description, "");
  if (node.properties === undefined) return `\n${about}export type ${name} = ${bodyText(node, "")};\n`;
  const base = node.extends === undefined ? undefined : named.get(node.extends);
  if (base === undefined) return `\n${about}export interface ${name} ${bodyText(node, "")}\n`;
  return `\n${about}export interface ${name} extends ${node.extends} ${bodyText(node, "")}\n`;
}

function typeText(node: Node, indent: string): string {
  return hasOwnType(node) && node.name !== undefined ? node.name : bodyText(node, indent);
}

function bodyText(node: Node, indent: string): string {
  if (node.type === "integer") return "number";
  if (node.type === "boolean") return "boolean";
  if (node.type === "string") return enumText(node) ?? "string";
  if (node.items !== undefined) {
    const item = typeText(node.items, indent);
    return item.includes(" | ") ? `readonly (${item})[]` : `readonly ${item}[]`;
  }
  if (node.values !== undefined) return `Readonly<Record<string, ${typeText(node.values, indent)}>>`;
  const fields = [...(node.properties ?? [])].map(([name, child]) => {
    const mark = node.required.includes(name) ? "" : "?";
    return `${comment(child.description, `${indent}  `)}${indent}  readonly ${name}${mark}: ${typeText(child, `${indent}  `)};\n`;
  });
  return `{\n${fields.join("")}${indent}}`;
}

function enumText(node: Node): string | undefined {
  const words = node.keywords["enum"] as readonly string[] | undefined;
  return words?.map((word) => JSON.stringify(word)).join(" | ");
}

function comment(text: string | undefined, indent: string): string {
  if (text === undefined) return "";
  const safe = text.replaceAll("*/", "*\\/");
  if (safe.length + indent.length + 7 <= LINE_MAX) return `${indent}/** ${safe} */\n`;
  const lines: string[] = [""];
  for (const word of safe.split(" ")) {
    const last = lines[lines.length - 1] ?? "";
    if (last.length + word.length + indent.length + 4 > LINE_MAX) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join("")}${indent} */\n`;
}
