/**
 * Resolves what the hand-written sources write short:
 *   `$use: Name` (a fragment; description, default and rules beside it override or add), `$extends: Name` (for the
 *   TypeScript type only), `$protocols: place` in properties (one block per protocol), `enum: $protocols`,
 *   `$propertiesOf: Name`, and `{{ …PROTOCOL… }}` in a rule or message (once per protocol, joined by commas).
 */
import type { KindNode, Node, RuleText } from "./node.ts";
import { asRaw, BLOCK_PLACES, type BlockPlace, type Raw, type Sources } from "./sources.ts";

const NESTING_MAX = 24;
const PLAIN_KEYWORDS = [
  "enum",
  "pattern",
  "format",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
  "default",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
] as const;
const STRUCTURE_KEYWORDS = [
  "type",
  "description",
  "required",
  "properties",
  "items",
  "additionalProperties",
  "x-kubernetes-validations",
  "$extends",
  "$expects",
  "$keyPattern",
  "$keyExpects",
  "$hints",
  "$synonyms",
] as const;
const KEYWORDS: ReadonlySet<string> = new Set([...PLAIN_KEYWORDS, ...STRUCTURE_KEYWORDS]);
const BESIDE_USE: ReadonlySet<string> = new Set([
  "$use",
  "description",
  "default",
  "x-kubernetes-validations",
]);

export function expandKinds(sources: Sources): readonly KindNode[] {
  const kinds: KindNode[] = [];
  for (const [file, manifest] of sources.kinds) {
    const spec = asRaw(manifest["spec"], file);
    const names = asRaw(spec["names"], file);
    const [version] = spec["versions"] as readonly Raw[];
    const schema = asRaw(asRaw(version, `${file}: versions[0]`)["schema"], file);
    const root = expand(asRaw(schema["openAPIV3Schema"], file), sources, file, 0);
    kinds.push({ kind: String(names["kind"]), file, scope: scopeOf(spec["scope"], file), manifest, root });
  }
  for (const [file, held] of sources.local) {
    const root = expand(asRaw(held["openAPIV3Schema"], file), sources, file, 0);
    kinds.push({ kind: String(held["kind"]), file, scope: scopeOf(held["scope"], file), root });
  }
  return kinds;
}

function scopeOf(value: unknown, file: string): KindNode["scope"] {
  if (value === "Namespaced" || value === "Cluster" || value === "Local") return value;
  throw new Error(`${file}: scope ${String(value)} is none of Namespaced, Cluster, Local`);
}

function expand(raw: Raw, sources: Sources, at: string, depth: number): Node {
  if (depth > NESTING_MAX)
    throw new Error(`${at}: nested deeper than ${NESTING_MAX}; do fragments use each other?`);
  return typeof raw["$use"] === "string"
    ? useFragment(raw, raw["$use"], sources, at, depth)
    : literal(raw, sources, at, depth);
}

function useFragment(raw: Raw, name: string, sources: Sources, at: string, depth: number): Node {
  const fragment = sources.fragments.get(name);
  if (fragment === undefined) throw new Error(`${at}: there is no fragment ${name}`);
  const odd = Object.keys(raw).find((key) => !BESIDE_USE.has(key));
  if (odd !== undefined) throw new Error(`${at}: ${odd} cannot stand beside $use`);
  const node = expand(fragment, sources, at, depth + 1);
  const description = raw["description"] as string | undefined;
  return {
    ...node,
    name,
    ...(node.description === undefined ? {} : { ownDescription: node.description }),
    ...(description === undefined ? {} : { description }),
    keywords: raw["default"] === undefined ? node.keywords : { ...node.keywords, default: raw["default"] },
    rules: [...node.rules, ...rulesOf(raw, sources, at)],
  };
}

function literal(raw: Raw, sources: Sources, at: string, depth: number): Node {
  const unknown = Object.keys(raw).find((key) => !KEYWORDS.has(key));
  if (unknown !== undefined) throw new Error(`${at}: unknown schema keyword ${unknown}`);
  const child = (key: "items" | "additionalProperties"): Node | undefined =>
    raw[key] === undefined
      ? undefined
      : expand(asRaw(raw[key], `${at}.${key}`), sources, `${at}.${key}`, depth + 1);
  const items = child("items");
  const values = child("additionalProperties");
  const text = (key: string): string | undefined => raw[key] as string | undefined;
  return dropAbsent({
    type: typeOf(raw["type"], at),
    extends: text("$extends"),
    description: text("description"),
    keywords: keywordsOf(raw, sources),
    required: raw["required"] ?? [],
    properties: raw["properties"] === undefined ? undefined : propertiesOf(raw, sources, at, depth),
    items,
    values,
    rules: rulesOf(raw, sources, at),
    expects: text("$expects"),
    keyPattern: text("$keyPattern"),
    keyExpects: text("$keyExpects"),
    hints: raw["$hints"],
    synonyms: raw["$synonyms"],
  }) as unknown as Node;
}

function typeOf(value: unknown, at: string): Node["type"] {
  const known = ["object", "array", "string", "integer", "boolean"] as const;
  const type = known.find((name) => name === value);
  if (type === undefined) throw new Error(`${at}: type ${String(value)} is none of ${known.join(", ")}`);
  return type;
}

function keywordsOf(raw: Raw, sources: Sources): Record<string, unknown> {
  const names = sources.protocols.map(({ protocol }) => protocol);
  const kept = PLAIN_KEYWORDS.filter((key) => raw[key] !== undefined);
  return Object.fromEntries(kept.map((key) => [key, raw[key] === "$protocols" ? names : raw[key]]));
}

function propertiesOf(raw: Raw, sources: Sources, at: string, depth: number): Map<string, Node> {
  const properties = new Map<string, Node>();
  for (const [key, value] of Object.entries(asRaw(raw["properties"], at))) {
    if (key === "$protocols") {
      for (const [name, node] of blocks(String(value), sources, at, depth)) properties.set(name, node);
    } else if (key === "$propertiesOf") {
      const other = expand({ $use: value }, sources, at, depth);
      for (const [name, node] of other.properties ?? []) properties.set(name, node);
    } else {
      properties.set(key, expand(asRaw(value, `${at}.${key}`), sources, `${at}.${key}`, depth + 1));
    }
  }
  return properties;
}

function blocks(place: string, sources: Sources, at: string, depth: number): [string, Node][] {
  const known = placeOf(place, at);
  return speakingIn(known, sources).flatMap(({ protocol, blocks: { [known]: held } }): [string, Node][] => {
    if (held === undefined) return [];
    const node = expand(held, sources, `${at}.${protocol}`, depth + 1);
    return [[protocol, { ...node, name: node.name ?? blockName(protocol, known) }]];
  });
}

function placeOf(place: string, at: string): BlockPlace {
  const known = BLOCK_PLACES.find((name) => name === place);
  if (known === undefined)
    throw new Error(`${at}: $protocols: ${place} is none of ${BLOCK_PLACES.join(", ")}`);
  return known;
}

function speakingIn(place: BlockPlace, { protocols }: Sources): Sources["protocols"] {
  return protocols.filter(({ blocks: { [place]: held } }) => held !== undefined);
}

function blockName(protocol: string, place: BlockPlace): string {
  const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
  return capital(protocol) + capital(place);
}

function rulesOf(raw: Raw, sources: Sources, at: string): RuleText[] {
  const given = (raw["x-kubernetes-validations"] ?? []) as readonly Raw[];
  const names = protocolsIn(raw, sources, at);
  // With fewer protocols such a rule could not be broken, and nobody could show that it works.
  const applies = ({ $fromProtocols = 1 }: Raw): boolean => names.length >= Number($fromProtocols);
  return given.filter(applies).map(({ rule, message, fieldPath, ...rest }) => {
    const odd = Object.keys(rest).find((key) => key !== "$fromProtocols");
    if (odd !== undefined) throw new Error(`${at}: a rule has no keyword ${odd}`);
    if (typeof rule !== "string" || typeof message !== "string")
      throw new Error(`${at}: a rule needs rule and message`);
    return {
      rule: perProtocol(rule, names),
      message: perProtocol(message, names),
      ...(typeof fieldPath === "string" ? { fieldPath } : {}),
    };
  });
}

/** Those that have a block in the object that the rule is about. */
function protocolsIn(raw: Raw, sources: Sources, at: string): readonly string[] {
  const place = asRaw(raw["properties"] ?? {}, at)["$protocols"];
  const speaking = typeof place === "string" ? speakingIn(placeOf(place, at), sources) : sources.protocols;
  return speaking.map(({ protocol }) => protocol);
}

function perProtocol(text: string, names: readonly string[]): string {
  return text.replaceAll(/\{\{(.+?)\}\}/g, (_, part: string) =>
    names.map((protocol) => part.replaceAll("PROTOCOL", protocol)).join(", "),
  );
}

function dropAbsent(held: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(held).filter(([, value]) => value !== undefined));
}
