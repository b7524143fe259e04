/** DDL, DCL and administration: what they name, and when they plant code or hand out access. */
import type { AlterTableType, ObjectType } from "@pgsql/types";
import type { DoubtCode, RelationName, StatementVerb } from "./facts.ts";
import { objectsNamed } from "./names.ts";
import { isCode, touchedBy, verbFor } from "./objects.ts";
import { lastingSetting } from "./settings.ts";
import { created, EVERY_RELATION } from "./tables.ts";
import { as, type Fields, type Node, type NodeTag, qualified, stringsOf } from "./tree.ts";
import type { Visitor, Work } from "./work.ts";

interface Definition<T extends NodeTag> {
  /** Beside the class, what a relation stands for that is named anywhere below. */
  readonly verb: StatementVerb | ((fields: Fields<T>) => StatementVerb);
  readonly doubt?: readonly [DoubtCode, string];
  readonly names?: (work: Work, fields: Fields<T>) => void;
  /** Fields that `names` has dealt with. */
  readonly except?: readonly string[];
}

export function definition<T extends NodeTag>(tag: T, row: Definition<T>): Visitor<T> {
  return (work, fields, scope) => {
    const verb = typeof row.verb === "function" ? row.verb(fields) : row.verb;
    work.facts.classify(verb);
    if (row.doubt !== undefined) work.doubt(...row.doubt);
    const before = work.facts.deeds.length;
    row.names?.(work, fields);
    work.children(tag, fields, { ...scope, bare: verb }, row.except ?? []);
    // The act itself, when it names nothing that a rule could.
    const named = work.facts.deeds.slice(before).some((deed) => deed.verb === verb);
    if (!named) work.facts.deed(verb);
  };
}

export const CODE = (what: string): readonly [DoubtCode, string] => [
  "CODE_DEFINITION",
  `${what} defines code or a name for other relations, which later statements would run unseen`,
];
export const EXTERNAL = (what: string): readonly [DoubtCode, string] => [
  "EXTERNAL_DATA",
  `${what} connects this database with data that no relation here names`,
];
export const STREAM = (what: string): readonly [DoubtCode, string] => [
  "REPLICATION",
  `${what} sends or takes changes of relations elsewhere`,
];

export const everything =
  (verb: StatementVerb) =>
  (work: Work): void => {
    work.facts.deed(verb, EVERY_RELATION);
  };

const all = (work: Work, verb: StatementVerb, relations: readonly RelationName[]): void => {
  for (const relation of relations) work.facts.deed(verb, relation);
};

/** A new object of a schema, named by a list of strings. */
export const objectCreated = (work: Work, names: readonly Node[] | undefined): void => {
  const { schema, name } = qualified(stringsOf(names));
  if (name !== "") all(work, "ddl", objectsNamed(work, schema, name));
};

export const visitCreateTable = definition("CreateStmt", {
  verb: "ddl",
  names: (work, stmt) => created(work, stmt.relation),
  except: ["relation"],
});

/** CREATE TABLE AS and CREATE MATERIALIZED VIEW; the latter keeps its query and runs it again at each refresh. */
export const visitCreateTableAs = definition("CreateTableAsStmt", {
  verb: "ddl",
  names: (work, stmt) => {
    if (stmt.objtype === "OBJECT_MATVIEW") work.doubt(...CODE("CREATE MATERIALIZED VIEW"));
  },
});

/** A view lets its reader reach what its author names: a rule about relations would be led around by it. */
export const visitView = definition("ViewStmt", {
  verb: "ddl",
  doubt: CODE("CREATE VIEW"),
  names: (work, stmt) => created(work, stmt.view),
  except: ["view"],
});

/** Objects made inside CREATE SCHEMA go there first. */
export const visitCreateSchema: Visitor<"CreateSchemaStmt"> = (work, stmt, scope) => {
  work.facts.classify("ddl");
  const schema = stmt.schemaname ?? stmt.authrole?.rolename;
  if (schema === undefined) work.doubt("ODD_NAME", "creates a schema whose name the text does not tell");
  else work.facts.deed("ddl", { schema, name: "*" });
  const outside = work.flow.paths;
  if (schema !== undefined) work.flow.paths = outside.map((path) => [schema, ...path]);
  work.children("CreateSchemaStmt", stmt, { ...scope, bare: "ddl" });
  work.flow.paths = outside;
};

/** These decide who sees or owns what, so a rule about dcl has a say as well. */
const ACCESS_COMMANDS: ReadonlySet<AlterTableType> = new Set<AlterTableType>([
  "AT_ChangeOwner",
  "AT_EnableRowSecurity",
  "AT_DisableRowSecurity",
  "AT_ForceRowSecurity",
  "AT_NoForceRowSecurity",
]);

export const visitAlterTable = definition("AlterTableStmt", {
  verb: "ddl",
  names: (work, stmt) => {
    const commands = (stmt.cmds ?? []).flatMap((item) => as(item, "AlterTableCmd") ?? []);
    const relation = stmt.relation;
    const targets = relation === undefined ? [] : touchedRange(work, relation);
    if (commands.some(({ subtype }) => subtype !== undefined && ACCESS_COMMANDS.has(subtype))) {
      all(work, "dcl", targets);
    }
    if (commands.some(({ behavior }) => behavior === "DROP_CASCADE")) work.facts.deed("ddl", EVERY_RELATION);
  },
});

export const visitDrop = definition("DropStmt", {
  verb: (stmt) => verbFor(stmt.removeType),
  names: (work, stmt) => {
    for (const object of stmt.objects ?? []) {
      const targets = touchedBy(work, stmt.removeType, object);
      all(work, "ddl", targets);
      // Without the policy other rows are seen.
      if (stmt.removeType === "OBJECT_POLICY") all(work, "dcl", targets);
    }
    // Takes with it whatever depends on these, in any schema.
    if (stmt.behavior === "DROP_CASCADE") work.facts.deed("ddl", EVERY_RELATION);
  },
  except: ["objects"],
});

export const visitComment = definition("CommentStmt", {
  verb: "ddl",
  names: (work, stmt) => all(work, "ddl", touchedBy(work, stmt.objtype, stmt.object)),
  except: ["object"],
});

export const visitSecurityLabel = definition("SecLabelStmt", {
  verb: "dcl",
  names: (work, stmt) => all(work, "dcl", touchedBy(work, stmt.objtype, stmt.object)),
  except: ["object"],
});

/** A relation that gets a new name needs the right to both, or a rule about the old one would be led around. */
export const visitRename = definition("RenameStmt", {
  verb: (stmt) => verbFor(stmt.renameType),
  names: (work, stmt) => {
    doubtCode(work, stmt.renameType, "RENAME");
    const old = touchedBy(work, stmt.renameType, stmt.object);
    const targets = stmt.relation === undefined ? old : touchedRange(work, stmt.relation);
    all(work, "ddl", targets);
    const renamesPart = stmt.subname !== undefined;
    if (stmt.newname === "*") work.doubt("ODD_NAME", "gives something the name “*”");
    else if (!renamesPart) {
      for (const { schema } of targets) work.facts.deed("ddl", { schema, name: stmt.newname ?? "" });
    }
  },
  except: ["relation", "object"],
});

export const visitSetSchema = definition("AlterObjectSchemaStmt", {
  verb: "ddl",
  names: (work, stmt) => {
    doubtCode(work, stmt.objectType, "SET SCHEMA");
    const old = touchedBy(work, stmt.objectType, stmt.object);
    const targets = stmt.relation === undefined ? old : touchedRange(work, stmt.relation);
    all(work, "ddl", targets);
    const schema = stmt.newschema ?? "";
    if (schema === "*") work.doubt("ODD_NAME", "names a schema that is called “*”");
    else for (const { name } of targets) work.facts.deed("ddl", { schema, name });
  },
  except: ["relation", "object"],
});

export const visitOwner = definition("AlterOwnerStmt", {
  verb: "dcl",
  names: (work, stmt) => {
    doubtCode(work, stmt.objectType, "OWNER TO");
    all(work, "dcl", touchedBy(work, stmt.objectType, stmt.object));
  },
  except: ["object"],
});

export const visitDepends = definition("AlterObjectDependsStmt", {
  verb: "ddl",
  doubt: CODE("DEPENDS ON EXTENSION"),
  except: ["object"],
});

export const visitGrant = definition("GrantStmt", {
  verb: "dcl",
  names: (work, stmt) => {
    if (stmt.targtype === "ACL_TARGET_DEFAULTS") return void work.facts.deed("dcl", EVERY_RELATION);
    const namesSchemas = stmt.targtype === "ACL_TARGET_ALL_IN_SCHEMA" || stmt.objtype === "OBJECT_SCHEMA";
    if (!namesSchemas) return;
    for (const schema of stringsOf(stmt.objects)) work.facts.deed("dcl", { schema, name: "*" });
  },
});

export const visitDefine = definition("DefineStmt", {
  verb: "ddl",
  names: (work, stmt) => {
    objectCreated(work, stmt.defnames);
    // A collation is data; aggregates, operators, types and text search objects are code.
    if (stmt.kind !== "OBJECT_COLLATION")
      work.doubt(...CODE("CREATE AGGREGATE, OPERATOR, TYPE or TEXT SEARCH"));
  },
});

/** A domain with a CHECK runs it at each cast to the domain. */
export const visitCreateDomain = definition("CreateDomainStmt", {
  verb: "ddl",
  names: (work, stmt) => {
    objectCreated(work, stmt.domainname);
    if ((stmt.constraints?.length ?? 0) > 0) work.doubt(...CODE("CREATE DOMAIN with constraints"));
  },
});

/** Roles: their rights are dcl, a password is a way in that nobody leased. */
export function roleOptions(work: Work, options: readonly Node[] | undefined): void {
  const names = (options ?? []).flatMap((option) => as(option, "DefElem")?.defname ?? []);
  if (names.includes("password")) work.doubt("PASSWORD_CHANGE", "sets the password of a role");
}

export const visitSystemSetting = definition("AlterSystemStmt", {
  verb: "admin",
  names: (work, stmt) => lastingSetting(work, stmt.setstmt),
  except: ["setstmt"],
});

function doubtCode(work: Work, kind: ObjectType | undefined, what: string): void {
  if (isCode(kind)) work.doubt(...CODE(what));
}

function touchedRange(work: Work, range: Fields<"RangeVar">): RelationName[] {
  const parts =
    range.schemaname === undefined ? [range.relname ?? ""] : [range.schemaname, range.relname ?? ""];
  return touchedBy(work, "OBJECT_TABLE", { List: { items: parts.map((sval) => ({ String: { sval } })) } });
}
