/**
 * Settings that a session may change without changing what a text means, what it may do or what comes back beside
 * rows. Everything else, extensions' settings included, is a doubt: `standard_conforming_strings` and `backslash_quote`
 * move the ends of literals, an unsafe `client_encoding` their bytes, `client_min_messages = log` shows other people's
 * log lines, `session_replication_role` skips triggers, `row_security` policies.
 */
import { type Constant, constantOf } from "./constants.ts";
import { called, isOnlyStock } from "./names.ts";
import type { Fields, Node } from "./tree.ts";
import type { Scope, Visitor, Work } from "./work.ts";

type Check = (values: readonly Constant[]) => boolean;

const anything: Check = () => true;
const oneOf =
  (...words: readonly string[]): Check =>
  (values) =>
    values.every((value) => words.includes(String(value).toLowerCase()));

const SAFE_SETTINGS: Readonly<Record<string, Check>> = {
  application_name: anything,
  array_nulls: anything,
  bytea_output: anything,
  // The text is judged as UTF-8: with any other encoding the same bytes would name other relations.
  client_encoding: oneOf("utf8", "utf-8", "unicode"),
  client_min_messages: oneOf("notice", "warning", "error"),
  constraint_exclusion: anything,
  cursor_tuple_fraction: anything,
  datestyle: anything,
  default_transaction_deferrable: anything,
  default_transaction_isolation: anything,
  default_transaction_read_only: anything,
  escape_string_warning: anything,
  extra_float_digits: anything,
  idle_in_transaction_session_timeout: anything,
  idle_session_timeout: anything,
  intervalstyle: anything,
  jit: anything,
  lc_monetary: anything,
  lc_numeric: anything,
  lc_time: anything,
  lock_timeout: anything,
  plan_cache_mode: anything,
  quote_all_identifiers: anything,
  search_path: anything,
  standard_conforming_strings: oneOf("on", "true", "yes", "1"),
  statement_timeout: anything,
  synchronize_seqscans: anything,
  timezone: anything,
  transaction_deferrable: anything,
  transaction_isolation: anything,
  transaction_read_only: anything,
  transaction_timeout: anything,
  xmlbinary: anything,
  xmloption: anything,
};

export const SETTABLE_SETTINGS: readonly string[] = Object.keys(SAFE_SETTINGS);

/** Choices of the planner, which change how a query runs and not what it does. */
const PLANNER_SETTING =
  /^(?:enable_(?:async_append|bitmapscan|gathermerge|hashagg|hashjoin|incremental_sort|indexonlyscan|indexscan|material|memoize|mergejoin|nestloop|parallel_append|parallel_hash|partition_pruning|partitionwise_aggregate|partitionwise_join|seqscan|sort|tidscan)|(?:seq|random)_page_cost|(?:from|join)_collapse_limit|geqo|jit_above_cost)$/;

/** These say who the session is, whatever value they are given. */
const ROLE_SETTINGS: ReadonlySet<string> = new Set(["role", "session_authorization"]);

/** SET, RESET, SET TRANSACTION. */
export const visitSet: Visitor<"VariableSetStmt"> = (work, stmt, scope) => {
  const name = (stmt.name ?? "").toLowerCase();
  const isTransaction = stmt.kind === "VAR_SET_MULTI";
  work.facts.classify(isTransaction ? "transaction" : "session");
  work.facts.deed(isTransaction ? "transaction" : "session");
  if (stmt.kind === "VAR_RESET_ALL") return pathForgotten(work);
  if (isTransaction) return setTransaction(work, name, stmt.args, scope);
  const isReset =
    stmt.kind === "VAR_RESET" || stmt.kind === "VAR_SET_DEFAULT" || stmt.kind === "VAR_SET_CURRENT";
  // What a session started with is the gateway's to check, but for what the server's own files may say of literals.
  const values = isReset ? undefined : (stmt.args ?? []).map((arg) => constantOf(arg) ?? null);
  doubtSetting(work, name, values);
  if (name === "search_path") changePath(work, values);
  work.children("VariableSetStmt", stmt, scope);
};

/** The same judgement for set_config('name', 'value', …); what is not a literal could be any setting, or any value of it. */
export function setConfigCalled(work: Work, args: readonly Node[], schema: string | undefined): void {
  if (!isOnlyStock(work, schema, "set_config")) called(work, "function", schema, "set_config");
  work.facts.deed("session");
  const [name, value] = args.map((arg) => constantOf(arg));
  if (typeof name !== "string") {
    work.doubt("UNSAFE_SETTING", "set_config changes a setting that the text does not tell");
    return pathForgotten(work);
  }
  if (typeof value === "string") doubtSetting(work, name.toLowerCase(), [value]);
  else if (!isSafeWhatever(name.toLowerCase()))
    work.doubt(
      "UNSAFE_SETTING",
      `set_config changes the setting ${name} to a value that the text does not tell`,
    );
  if (name.toLowerCase() === "search_path") pathForgotten(work);
}

/** UPDATE pg_settings: any setting, to any value. */
export function settingsUpdated(work: Work): void {
  work.facts.deed("session");
  work.doubt("UNSAFE_SETTING", "changes settings that the text does not tell");
  pathForgotten(work);
}

export function pathForgotten(work: Work): void {
  work.facts.movesSearchPath();
  work.flow.forgetsPath = true;
}

/** To some value at least. */
export const isSafeToSet = (name: string): boolean =>
  PLANNER_SETTING.test(name) || Object.hasOwn(SAFE_SETTINGS, name);

/** Whatever value it is given. */
const isSafeWhatever = (name: string): boolean =>
  PLANNER_SETTING.test(name) || (Object.hasOwn(SAFE_SETTINGS, name) && SAFE_SETTINGS[name] === anything);

export function isSafeSetting(name: string, values: readonly Constant[] | undefined): boolean {
  if (PLANNER_SETTING.test(name)) return true;
  const check = Object.hasOwn(SAFE_SETTINGS, name) ? SAFE_SETTINGS[name] : undefined;
  if (check === undefined) return false;
  // The server's default for it may be the unsafe one.
  if (values === undefined) return name !== "standard_conforming_strings" && name !== "client_min_messages";
  return check(values);
}

function doubtSetting(work: Work, name: string, values: readonly Constant[] | undefined): void {
  if (ROLE_SETTINGS.has(name)) work.doubt("ROLE_CHANGE", "changes the role that the session acts as");
  else if (!isSafeSetting(name, values)) {
    work.doubt("UNSAFE_SETTING", `changes the setting ${name}, or to a value, that is not known to be safe`);
  }
}

/** A path of plain schema names is known from now on; the old one stays possible, as when the SET is rolled back. */
function changePath(work: Work, values: readonly Constant[] | undefined): void {
  if (values === undefined || values.some((value) => typeof value !== "string" || value === "$user")) {
    return pathForgotten(work);
  }
  if (work.flow.paths.length >= PATHS_MAX) return pathForgotten(work);
  if (work.flow.paths.flat().length + values.length > SCHEMAS_MAX) return pathForgotten(work);
  work.facts.movesSearchPath();
  // An empty name is how pg_dump empties the path; the temporary schema is searched first in any case.
  work.flow.paths.push(values.map(String).filter((schema) => schema !== "" && schema !== "pg_temp"));
}

/** More changes of the path within one string are not followed. */
const PATHS_MAX = 8;
/** Nor are more schemas in all of them: every bare name in the text is looked up in each. */
const SCHEMAS_MAX = 64;

function setTransaction(work: Work, name: string, args: readonly Node[] | undefined, scope: Scope): void {
  if (name === "transaction snapshot")
    work.doubt("UNSAFE_SETTING", "takes over the snapshot of another session");
  work.visit(args, scope);
}

/** Settings that outlive the session, of a role, a database or the server. */
export function lastingSetting(work: Work, stmt: Fields<"VariableSetStmt"> | undefined): void {
  work.doubt("UNSAFE_SETTING", `changes the setting ${stmt?.name ?? "ALL"} for sessions to come`);
}
