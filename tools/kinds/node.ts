/** A schema after includes are resolved: what every output is made from. */

export interface RuleText {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

export interface Node {
  readonly type: "object" | "array" | "string" | "integer" | "boolean";
  /** The fragment or block it comes from; names the TypeScript type. */
  readonly name?: string;
  readonly extends?: string;
  readonly description?: string;
  /** Description of the fragment itself, where the place that uses it says something else. */
  readonly ownDescription?: string;
  /** The plain keywords of a CRD schema: enum, pattern, maxLength, … */
  readonly keywords: Readonly<Record<string, unknown>>;
  readonly required: readonly string[];
  readonly properties?: ReadonlyMap<string, Node>;
  readonly items?: Node;
  readonly values?: Node;
  readonly rules: readonly RuleText[];
  /** For people and for the reader; no CRD keyword says these. */
  readonly expects?: string;
  readonly keyPattern?: string;
  readonly keyExpects?: string;
  readonly hints?: Readonly<Record<string, string>>;
  readonly synonyms?: Readonly<Record<string, string>>;
}

export interface KindNode {
  readonly kind: string;
  readonly file: string;
  readonly scope: "Namespaced" | "Cluster" | "Local";
  /** The manifest around the schema; absent for local kinds. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  readonly root: Node;
}
