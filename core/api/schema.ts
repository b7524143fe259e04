/** The part of a CRD's schema that the reader checks. `schema.gen.ts` holds the kinds in this form. */

/** A rule in the Common Expression Language, in the words that the Kubernetes API server evaluates too. */
export interface Rule {
  readonly rule: string;
  readonly message: string;
  /** The field that the finding is about, below the node that the rule stands at: `.source`. */
  readonly fieldPath?: string;
}

interface Common {
  readonly rules?: readonly Rule[];
}

export interface StringSchema extends Common {
  readonly type: "string";
  readonly enum?: readonly string[];
  /** Words of neighbouring vocabularies, in lower case, with what they are called here. */
  readonly synonyms?: Readonly<Record<string, string>>;
  readonly pattern?: string;
  /** What a value must look like, for people; stands in for the pattern. */
  readonly expects?: string;
  readonly format?: "date-time";
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly default?: string;
}

export interface IntegerSchema extends Common {
  readonly type: "integer";
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: number;
}

export interface BooleanSchema extends Common {
  readonly type: "boolean";
  readonly default?: boolean;
}

export interface ListSchema extends Common {
  readonly type: "list";
  readonly items: Schema;
  readonly minItems?: number;
  readonly maxItems: number;
  /** `set`: no item twice. `map`: no two items with the same value of `key`. */
  readonly unique?: { readonly by: "value" } | { readonly by: "key"; readonly key: string };
}

/** Fields that are known by name. */
export interface ObjectSchema extends Common {
  readonly type: "object";
  readonly properties: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minProperties?: number;
  /** What to say about a field that is refused or missing here, where there is more to say than its name. */
  readonly hints?: Readonly<Record<string, string>>;
}

/** Keys that the author chooses. */
export interface MapSchema extends Common {
  readonly type: "map";
  readonly values: StringSchema;
  readonly minProperties?: number;
  readonly maxProperties: number;
  readonly keyPattern?: string;
  readonly keyExpects?: string;
}

export type Schema = StringSchema | IntegerSchema | BooleanSchema | ListSchema | ObjectSchema | MapSchema;

export interface KindSchema {
  /** `Local` kinds live in files only. */
  readonly scope: "Namespaced" | "Cluster" | "Local";
  readonly spec: Schema;
}
