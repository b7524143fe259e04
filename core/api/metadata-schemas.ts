/** Names and labels, as Kubernetes takes them. */
import type { MapSchema, StringSchema } from "./schema.ts";

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

export const NAME: StringSchema = {
  type: "string",
  minLength: 1,
  maxLength: 253,
  pattern: `^${LABEL}(\\.${LABEL})*$`,
  expects: "a name of lower-case letters, digits, `-` and `.`, with a letter or digit first and last",
};

export const NAMESPACE: StringSchema = {
  type: "string",
  minLength: 1,
  maxLength: 63,
  pattern: `^${LABEL}$`,
  expects: "a namespace's name: at most 63 lower-case letters, digits and `-`",
};
const QUALIFIED_KEY = `^(${LABEL}(\\.${LABEL})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`;

export const LABELS: MapSchema = {
  type: "map",
  maxProperties: 64,
  keyPattern: QUALIFIED_KEY,
  keyExpects: "a label's name, as in `tier` or `example.com/tier`",
  values: {
    type: "string",
    maxLength: 63,
    pattern: "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
    expects: "a label's value: at most 63 letters, digits, `-`, `_` and `.`",
  },
};

export const ANNOTATIONS: MapSchema = {
  type: "map",
  maxProperties: 64,
  keyPattern: QUALIFIED_KEY,
  keyExpects: "an annotation's name, as in `example.com/owner`",
  values: { type: "string", maxLength: 65_536 },
};
