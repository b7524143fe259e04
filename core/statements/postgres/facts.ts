/** The vocabulary of statement analysis: what a PostgreSQL request does, as far as its text tells. */

/** What a rule's `statements` list may name. One statement may need several: `INSERT … SELECT` needs insert and read. */
export const STATEMENT_VERBS = [
  "read",
  "insert",
  "update",
  "delete",
  "truncate",
  "copyIn",
  "copyOut",
  "lock",
  "ddl",
  "dcl",
  "notify",
  "maintenance",
  "admin",
  "transaction",
  "session",
] as const;
export type StatementVerb = (typeof STATEMENT_VERBS)[number];

/** The statement's own class, for people and the trail; what is needed to run it stands in its accesses. */
export type StatementClass = StatementVerb | "merge" | "unknown";

/**
 * A relation by its catalog name. `"*"` in either place means "every one that could be there", as in
 * `DROP SCHEMA s CASCADE`; no identifier of that spelling can be confused with it, because such a relation
 * (`"*"` in quotes) is reported as a doubt.
 */
export interface RelationName {
  readonly schema: string;
  readonly name: string;
}

/**
 * One thing the statement does. An unqualified name that could be several relations gives one access for each,
 * so that an allow rule has to cover all of them and a deny rule needs to hit only one.
 */
export interface Access {
  readonly verb: StatementVerb;
  /** Absent when the act has no relation: BEGIN, SET, NOTIFY, CREATE ROLE. */
  readonly relation?: RelationName;
  /**
   * True when nothing narrows the rows: no WHERE that tests the relation, and for reads no small constant LIMIT and no
   * summary such as count(*). `narrow.ts` says exactly when; it errs towards true.
   */
  readonly unfiltered: boolean;
}

/** Code that the statement runs and that is not known to be harmless: an allow rule must name it. */
export interface Call {
  readonly kind: "function" | "operator" | "type";
  /** Every schema it could come from; one entry when the name is qualified. */
  readonly schemas: readonly string[];
  readonly name: string;
}

/** What analysis cannot be sure of. Only `statements: [any]` allows it; every deny and ask rule is touched by it. */
export interface Doubt {
  readonly code: DoubtCode;
  /** Safe to show: names the construct, never quotes a literal. */
  readonly text: string;
}

export const DOUBT_CODES = [
  "SYNTAX_ERROR",
  "UNLISTED_SYNTAX",
  "DYNAMIC_CODE",
  "CODE_DEFINITION",
  "ROLE_CHANGE",
  "PASSWORD_CHANGE",
  "UNSAFE_SETTING",
  "SERVER_FILE",
  "EXTERNAL_DATA",
  "REPLICATION",
  "PREPARED_ELSEWHERE",
  "SEARCH_PATH_CHANGED",
  "CATALOG_UNREADABLE",
  "ODD_NAME",
  "NUL_IN_TEXT",
  "TOO_LARGE",
  "TOO_DEEP",
  "TOO_SLOW",
  "NOT_UTF8",
  "TOO_MANY_STATEMENTS",
] as const;
export type DoubtCode = (typeof DOUBT_CODES)[number];

/** A column reference where syntax tells which relation it belongs to; `relation` is absent where it does not. */
export interface ColumnUse {
  readonly relation?: RelationName;
  /** `"*"` for a star or a whole-row reference. */
  readonly column: string;
}

export interface StatementFacts {
  readonly class: StatementClass;
  /** Empty for a read of no relation (`select 1`), and where only a call or a doubt is known (`CALL p()`, `DO`). */
  readonly accesses: readonly Access[];
  readonly calls: readonly Call[];
  readonly doubts: readonly Doubt[];
  readonly columns: readonly ColumnUse[];
  /** Byte offsets in the text where literals start, for digests and masked previews. */
  readonly literalOffsetsBytes: readonly number[];
  /**
   * The statement's own slice of the request text. Of a request that is known by its shape it is empty, and so are the
   * offsets: such a request has one statement, and it defines nothing.
   */
  readonly startByte: number;
  readonly lengthBytes: number;
  /**
   * True when the search path may be another one after this statement, whether by its own text or by code that it
   * runs. What is judged next needs the path as the server then has it.
   */
  readonly movesSearchPath?: true;
  /** EXPLAIN: whatever it does or would do, it answers with rows. */
  readonly explains?: true;
  /**
   * A name that this statement prepares or declares, so that the session can remember its facts. `holds`: a cursor that
   * outlives its transaction.
   */
  readonly defines?: { readonly kind: "prepared" | "cursor"; readonly name: string; readonly holds?: true };
  /** A name that stands for nothing after this statement. */
  readonly drops?: { readonly kind: "prepared" | "cursor"; readonly name: string };
  /** It runs what the session knows by a name: these facts hold for as long as that stands for the same. */
  readonly runs?: { readonly kind: "prepared" | "cursor"; readonly name: string };
}

/** One protocol request: a simple Query string, or the text of one Parse. Empty `statements`: may the session exist at all. */
export interface PostgresRequest {
  readonly protocol: "postgres";
  readonly statements: readonly StatementFacts[];
}
