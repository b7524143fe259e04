/** What DROP, COMMENT, RENAME and their kin name by kind and dotted name. */
import type { ObjectType } from "@pgsql/types";
import type { RelationName, StatementVerb } from "./facts.ts";
import { objectsNamed, relationsNamed } from "./names.ts";
import { as, type Node, qualified, stringsOf } from "./tree.ts";
import type { Work } from "./work.ts";

type Place =
  /** The name is a relation's. */
  | "relation"
  /** The last part names something of the relation before it. */
  | "in relation"
  /** The name is a schema, and with it everything inside. */
  | "schema"
  /** Lives in a schema. */
  | "in schema"
  /** The first part is an access method, the rest lives in a schema. */
  | "by method"
  /** Belongs to the database or the server. */
  | "nowhere";

/** Objects that are code, or decide which code runs: to rename or move one may put it in another's place. */
const CODE_OBJECTS: ReadonlySet<string> = new Set([
  "OBJECT_AGGREGATE",
  "OBJECT_CAST",
  "OBJECT_CONVERSION",
  "OBJECT_DOMAIN",
  "OBJECT_EVENT_TRIGGER",
  "OBJECT_EXTENSION",
  "OBJECT_FUNCTION",
  "OBJECT_LANGUAGE",
  "OBJECT_OPCLASS",
  "OBJECT_OPERATOR",
  "OBJECT_OPFAMILY",
  "OBJECT_PROCEDURE",
  "OBJECT_ROUTINE",
  "OBJECT_SCHEMA",
  "OBJECT_TSCONFIGURATION",
  "OBJECT_TSDICTIONARY",
  "OBJECT_TSPARSER",
  "OBJECT_TSTEMPLATE",
  "OBJECT_TYPE",
]);
export const isCode = (kind: ObjectType | undefined): boolean => CODE_OBJECTS.has(kind ?? "");

/** To drop or rename what belongs to the server or the whole database is what making it is. */
const VERBS: Readonly<Partial<Record<ObjectType, StatementVerb>>> = {
  OBJECT_ACCESS_METHOD: "admin",
  OBJECT_DATABASE: "admin",
  OBJECT_EVENT_TRIGGER: "admin",
  OBJECT_EXTENSION: "admin",
  OBJECT_FDW: "admin",
  OBJECT_FOREIGN_SERVER: "admin",
  OBJECT_LANGUAGE: "admin",
  OBJECT_PUBLICATION: "admin",
  OBJECT_ROLE: "dcl",
  OBJECT_SUBSCRIPTION: "admin",
  OBJECT_TABLESPACE: "admin",
};
export const verbFor = (kind: ObjectType | undefined): StatementVerb =>
  VERBS[kind ?? "OBJECT_TABLE"] ?? "ddl";

const PLACES = {
  OBJECT_ACCESS_METHOD: "nowhere",
  OBJECT_AGGREGATE: "in schema",
  OBJECT_AMOP: "nowhere",
  OBJECT_AMPROC: "nowhere",
  OBJECT_ATTRIBUTE: "in relation",
  OBJECT_CAST: "nowhere",
  OBJECT_COLUMN: "in relation",
  OBJECT_COLLATION: "in schema",
  OBJECT_CONVERSION: "in schema",
  OBJECT_DATABASE: "nowhere",
  OBJECT_DEFAULT: "in relation",
  OBJECT_DEFACL: "nowhere",
  OBJECT_DOMAIN: "in schema",
  OBJECT_DOMCONSTRAINT: "nowhere",
  OBJECT_EVENT_TRIGGER: "nowhere",
  OBJECT_EXTENSION: "nowhere",
  OBJECT_FDW: "nowhere",
  OBJECT_FOREIGN_SERVER: "nowhere",
  OBJECT_FOREIGN_TABLE: "relation",
  OBJECT_FUNCTION: "in schema",
  OBJECT_INDEX: "relation",
  OBJECT_LANGUAGE: "nowhere",
  OBJECT_LARGEOBJECT: "nowhere",
  OBJECT_MATVIEW: "relation",
  OBJECT_OPCLASS: "by method",
  OBJECT_OPERATOR: "in schema",
  OBJECT_OPFAMILY: "by method",
  OBJECT_PARAMETER_ACL: "nowhere",
  OBJECT_POLICY: "in relation",
  OBJECT_PROCEDURE: "in schema",
  OBJECT_PUBLICATION: "nowhere",
  OBJECT_PUBLICATION_NAMESPACE: "nowhere",
  OBJECT_PUBLICATION_REL: "nowhere",
  OBJECT_ROLE: "nowhere",
  OBJECT_ROUTINE: "in schema",
  OBJECT_RULE: "in relation",
  OBJECT_SCHEMA: "schema",
  OBJECT_SEQUENCE: "relation",
  OBJECT_SUBSCRIPTION: "nowhere",
  OBJECT_STATISTIC_EXT: "in schema",
  OBJECT_TABCONSTRAINT: "in relation",
  OBJECT_TABLE: "relation",
  OBJECT_TABLESPACE: "nowhere",
  OBJECT_TRANSFORM: "nowhere",
  OBJECT_TRIGGER: "in relation",
  OBJECT_TSCONFIGURATION: "in schema",
  OBJECT_TSDICTIONARY: "in schema",
  OBJECT_TSPARSER: "in schema",
  OBJECT_TSTEMPLATE: "in schema",
  OBJECT_TYPE: "in schema",
  OBJECT_USER_MAPPING: "nowhere",
  OBJECT_VIEW: "relation",
} as const satisfies Record<ObjectType, Place>;

/** What an object of that kind touches, in the words of relations; nothing for what belongs to no schema. */
export function touchedBy(
  work: Work,
  kind: ObjectType | undefined,
  object: Node | undefined,
): RelationName[] {
  const parts = partsOf(object);
  if (kind === undefined || parts.length === 0) return [];
  const place: Place = PLACES[kind];
  const { schema, name } = qualified(parts);
  switch (place) {
    case "relation":
      return relationsNamed(work, schema, name);
    case "in relation": {
      const owner = qualified(parts.slice(0, -1));
      return owner.name === "" ? [] : relationsNamed(work, owner.schema, owner.name);
    }
    case "schema":
      return [{ schema: name, name: "*" }];
    case "in schema":
      return objectsNamed(work, schema, name);
    case "by method": {
      const own = qualified(parts.slice(1));
      return objectsNamed(work, own.schema, own.name);
    }
    case "nowhere":
      return [];
  }
}

/** The dotted name, whichever node the grammar chose to carry it. */
function partsOf(object: Node | undefined): string[] {
  const plain = as(object, "String");
  if (plain !== undefined) return [plain.sval ?? ""];
  const type = as(object, "TypeName");
  if (type !== undefined) return stringsOf(type.names);
  const withArgs = as(object, "ObjectWithArgs");
  if (withArgs !== undefined) return stringsOf(withArgs.objname);
  return stringsOf(as(object, "List")?.items);
}
