/** The rows of definitions and administration in the table of node kinds. */
import {
  CODE,
  definition,
  EXTERNAL,
  everything,
  objectCreated,
  roleOptions,
  STREAM,
  visitAlterTable,
  visitComment,
  visitCreateDomain,
  visitCreateSchema,
  visitCreateTable,
  visitCreateTableAs,
  visitDefine,
  visitDepends,
  visitDrop,
  visitGrant,
  visitOwner,
  visitRename,
  visitSecurityLabel,
  visitSetSchema,
  visitSystemSetting,
  visitView,
} from "./definitions.ts";
import { lastingSetting } from "./settings.ts";
import { created, EVERY_RELATION } from "./tables.ts";

export const DEFINITION_NODES = {
  // Relations
  CreateStmt: visitCreateTable,
  CreateTableAsStmt: visitCreateTableAs,
  CreateSchemaStmt: visitCreateSchema,
  ViewStmt: visitView,
  AlterTableStmt: visitAlterTable,
  AlterTableMoveAllStmt: definition("AlterTableMoveAllStmt", { verb: "ddl", names: everything("ddl") }),
  IndexStmt: definition("IndexStmt", { verb: "ddl" }),
  CreateSeqStmt: definition("CreateSeqStmt", {
    verb: "ddl",
    names: (work, stmt) => created(work, stmt.sequence),
    except: ["sequence"],
  }),
  AlterSeqStmt: definition("AlterSeqStmt", { verb: "ddl" }),
  CreateStatsStmt: definition("CreateStatsStmt", { verb: "ddl" }),
  AlterStatsStmt: definition("AlterStatsStmt", {
    verb: "ddl",
    names: (work, stmt) => objectCreated(work, stmt.defnames),
  }),
  DropStmt: visitDrop,
  CommentStmt: visitComment,
  RenameStmt: visitRename,
  AlterObjectSchemaStmt: visitSetSchema,
  AlterObjectDependsStmt: visitDepends,

  // Types
  CompositeTypeStmt: definition("CompositeTypeStmt", {
    verb: "ddl",
    names: (work, stmt) => created(work, stmt.typevar),
    except: ["typevar"],
  }),
  CreateEnumStmt: definition("CreateEnumStmt", {
    verb: "ddl",
    names: (work, stmt) => objectCreated(work, stmt.typeName),
  }),
  AlterEnumStmt: definition("AlterEnumStmt", {
    verb: "ddl",
    names: (work, stmt) => objectCreated(work, stmt.typeName),
  }),
  CreateRangeStmt: definition("CreateRangeStmt", { verb: "ddl", doubt: CODE("CREATE TYPE AS RANGE") }),
  AlterTypeStmt: definition("AlterTypeStmt", { verb: "ddl", doubt: CODE("ALTER TYPE") }),
  CreateDomainStmt: visitCreateDomain,
  AlterDomainStmt: definition("AlterDomainStmt", { verb: "ddl", doubt: CODE("ALTER DOMAIN") }),
  DefineStmt: visitDefine,
  AlterCollationStmt: definition("AlterCollationStmt", {
    verb: "ddl",
    names: (work, stmt) => objectCreated(work, stmt.collname),
  }),

  // Code
  CreateFunctionStmt: definition("CreateFunctionStmt", {
    verb: "ddl",
    doubt: CODE("CREATE FUNCTION or PROCEDURE"),
    names: (work, stmt) => objectCreated(work, stmt.funcname),
  }),
  AlterFunctionStmt: definition("AlterFunctionStmt", {
    verb: "ddl",
    doubt: CODE("ALTER FUNCTION or PROCEDURE"),
  }),
  CreateTrigStmt: definition("CreateTrigStmt", { verb: "ddl", doubt: CODE("CREATE TRIGGER") }),
  CreateEventTrigStmt: definition("CreateEventTrigStmt", {
    verb: "ddl",
    doubt: CODE("CREATE EVENT TRIGGER"),
  }),
  AlterEventTrigStmt: definition("AlterEventTrigStmt", { verb: "ddl", doubt: CODE("ALTER EVENT TRIGGER") }),
  RuleStmt: definition("RuleStmt", { verb: "ddl", doubt: CODE("CREATE RULE") }),
  CreatePolicyStmt: definition("CreatePolicyStmt", { verb: "ddl", doubt: CODE("CREATE POLICY") }),
  AlterPolicyStmt: definition("AlterPolicyStmt", { verb: "ddl", doubt: CODE("ALTER POLICY") }),
  CreateCastStmt: definition("CreateCastStmt", { verb: "ddl", doubt: CODE("CREATE CAST") }),
  CreateConversionStmt: definition("CreateConversionStmt", { verb: "ddl", doubt: CODE("CREATE CONVERSION") }),
  CreateTransformStmt: definition("CreateTransformStmt", { verb: "ddl", doubt: CODE("CREATE TRANSFORM") }),
  CreateOpClassStmt: definition("CreateOpClassStmt", { verb: "ddl", doubt: CODE("CREATE OPERATOR CLASS") }),
  CreateOpFamilyStmt: definition("CreateOpFamilyStmt", {
    verb: "ddl",
    doubt: CODE("CREATE OPERATOR FAMILY"),
  }),
  AlterOpFamilyStmt: definition("AlterOpFamilyStmt", { verb: "ddl", doubt: CODE("ALTER OPERATOR FAMILY") }),
  AlterOperatorStmt: definition("AlterOperatorStmt", { verb: "ddl", doubt: CODE("ALTER OPERATOR") }),
  CreatePLangStmt: definition("CreatePLangStmt", { verb: "admin", doubt: CODE("CREATE LANGUAGE") }),
  CreateAmStmt: definition("CreateAmStmt", { verb: "admin", doubt: CODE("CREATE ACCESS METHOD") }),
  AlterTSDictionaryStmt: definition("AlterTSDictionaryStmt", {
    verb: "ddl",
    doubt: CODE("ALTER TEXT SEARCH DICTIONARY"),
  }),
  AlterTSConfigurationStmt: definition("AlterTSConfigurationStmt", {
    verb: "ddl",
    doubt: CODE("ALTER TEXT SEARCH CONFIGURATION"),
  }),

  // Rights
  GrantStmt: visitGrant,
  GrantRoleStmt: definition("GrantRoleStmt", { verb: "dcl" }),
  AlterDefaultPrivilegesStmt: definition("AlterDefaultPrivilegesStmt", { verb: "dcl" }),
  AlterOwnerStmt: visitOwner,
  SecLabelStmt: visitSecurityLabel,
  DropOwnedStmt: definition("DropOwnedStmt", {
    verb: "dcl",
    names: (work) => {
      everything("dcl")(work);
      everything("ddl")(work);
    },
  }),
  ReassignOwnedStmt: definition("ReassignOwnedStmt", { verb: "dcl", names: everything("dcl") }),
  CreateRoleStmt: definition("CreateRoleStmt", {
    verb: "dcl",
    names: (work, stmt) => roleOptions(work, stmt.options),
  }),
  AlterRoleStmt: definition("AlterRoleStmt", {
    verb: "dcl",
    names: (work, stmt) => roleOptions(work, stmt.options),
  }),
  AlterRoleSetStmt: definition("AlterRoleSetStmt", {
    verb: "dcl",
    names: (work, stmt) => lastingSetting(work, stmt.setstmt),
    except: ["setstmt"],
  }),
  DropRoleStmt: definition("DropRoleStmt", { verb: "dcl" }),

  // Upkeep: without a name it is of everything
  VacuumStmt: definition("VacuumStmt", {
    verb: "maintenance",
    names: (work, stmt) => {
      if ((stmt.rels?.length ?? 0) === 0) work.facts.deed("maintenance", EVERY_RELATION);
    },
  }),
  ClusterStmt: definition("ClusterStmt", {
    verb: "maintenance",
    names: (work, stmt) => {
      if (stmt.relation === undefined) work.facts.deed("maintenance", EVERY_RELATION);
    },
  }),
  ReindexStmt: definition("ReindexStmt", {
    verb: "maintenance",
    names: (work, stmt) => {
      if (stmt.relation !== undefined) return;
      const isSchema = stmt.kind === "REINDEX_OBJECT_SCHEMA" && stmt.name !== undefined;
      work.facts.deed("maintenance", isSchema ? { schema: stmt.name ?? "*", name: "*" } : EVERY_RELATION);
    },
  }),
  RefreshMatViewStmt: definition("RefreshMatViewStmt", { verb: "maintenance" }),
  CheckPointStmt: definition("CheckPointStmt", { verb: "maintenance" }),

  // The database and the server
  AlterSystemStmt: visitSystemSetting,
  CreatedbStmt: definition("CreatedbStmt", { verb: "admin" }),
  AlterDatabaseStmt: definition("AlterDatabaseStmt", { verb: "admin" }),
  AlterDatabaseRefreshCollStmt: definition("AlterDatabaseRefreshCollStmt", { verb: "admin" }),
  AlterDatabaseSetStmt: definition("AlterDatabaseSetStmt", {
    verb: "admin",
    names: (work, stmt) => lastingSetting(work, stmt.setstmt),
    except: ["setstmt"],
  }),
  DropdbStmt: definition("DropdbStmt", { verb: "admin" }),
  CreateTableSpaceStmt: definition("CreateTableSpaceStmt", {
    verb: "admin",
    doubt: ["SERVER_FILE", "CREATE TABLESPACE names a directory of the server"],
  }),
  DropTableSpaceStmt: definition("DropTableSpaceStmt", { verb: "admin" }),
  AlterTableSpaceOptionsStmt: definition("AlterTableSpaceOptionsStmt", { verb: "admin" }),
  LoadStmt: definition("LoadStmt", { verb: "admin", doubt: CODE("LOAD") }),
  CreateExtensionStmt: definition("CreateExtensionStmt", { verb: "admin", doubt: CODE("CREATE EXTENSION") }),
  AlterExtensionStmt: definition("AlterExtensionStmt", { verb: "admin", doubt: CODE("ALTER EXTENSION") }),
  AlterExtensionContentsStmt: definition("AlterExtensionContentsStmt", {
    verb: "admin",
    doubt: CODE("ALTER EXTENSION"),
  }),
  CreateFdwStmt: definition("CreateFdwStmt", {
    verb: "admin",
    doubt: EXTERNAL("CREATE FOREIGN DATA WRAPPER"),
  }),
  AlterFdwStmt: definition("AlterFdwStmt", { verb: "admin", doubt: EXTERNAL("ALTER FOREIGN DATA WRAPPER") }),
  CreateForeignServerStmt: definition("CreateForeignServerStmt", {
    verb: "admin",
    doubt: EXTERNAL("CREATE SERVER"),
  }),
  AlterForeignServerStmt: definition("AlterForeignServerStmt", {
    verb: "admin",
    doubt: EXTERNAL("ALTER SERVER"),
  }),
  CreateForeignTableStmt: definition("CreateForeignTableStmt", {
    verb: "admin",
    doubt: EXTERNAL("CREATE FOREIGN TABLE"),
  }),
  CreateUserMappingStmt: definition("CreateUserMappingStmt", {
    verb: "admin",
    doubt: EXTERNAL("CREATE USER MAPPING"),
  }),
  AlterUserMappingStmt: definition("AlterUserMappingStmt", {
    verb: "admin",
    doubt: EXTERNAL("ALTER USER MAPPING"),
  }),
  DropUserMappingStmt: definition("DropUserMappingStmt", {
    verb: "admin",
    doubt: EXTERNAL("DROP USER MAPPING"),
  }),
  ImportForeignSchemaStmt: definition("ImportForeignSchemaStmt", {
    verb: "admin",
    doubt: EXTERNAL("IMPORT FOREIGN SCHEMA"),
    names: (work, stmt) => {
      work.facts.deed("ddl", { schema: stmt.local_schema ?? "*", name: "*" });
    },
    except: ["table_list"],
  }),
  CreatePublicationStmt: definition("CreatePublicationStmt", {
    verb: "admin",
    doubt: STREAM("CREATE PUBLICATION"),
  }),
  AlterPublicationStmt: definition("AlterPublicationStmt", {
    verb: "admin",
    doubt: STREAM("ALTER PUBLICATION"),
  }),
  CreateSubscriptionStmt: definition("CreateSubscriptionStmt", {
    verb: "admin",
    doubt: STREAM("CREATE SUBSCRIPTION"),
  }),
  AlterSubscriptionStmt: definition("AlterSubscriptionStmt", {
    verb: "admin",
    doubt: STREAM("ALTER SUBSCRIPTION"),
  }),
  DropSubscriptionStmt: definition("DropSubscriptionStmt", {
    verb: "admin",
    doubt: STREAM("DROP SUBSCRIPTION"),
  }),
};
