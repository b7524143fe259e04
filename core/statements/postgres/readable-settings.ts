/**
 * Settings that anybody may be shown. The others may hold secrets: applications keep theirs under dotted names
 * (`app.jwt_secret`), and the server's own tell of files, archives and other servers. SHOW and current_setting() are
 * judged alike.
 */
import { constantOf } from "./constants.ts";
import { called, isOnlyStock } from "./names.ts";
import { isSafeToSet } from "./settings.ts";
import type { Fields } from "./tree.ts";
import type { Visitor, Work } from "./work.ts";

/** Beside those that a session may set: what drivers and people ask for at the start, and how much there is of things. */
export const READABLE_SETTINGS = [
  "block_size",
  "data_checksums",
  "default_tablespace",
  "default_table_access_method",
  "default_text_search_config",
  "default_toast_compression",
  "effective_cache_size",
  "in_hot_standby",
  "integer_datetimes",
  "is_superuser",
  "lc_collate",
  "lc_ctype",
  "lc_messages",
  "maintenance_work_mem",
  "max_connections",
  "max_identifier_length",
  "max_index_keys",
  "max_parallel_workers",
  "max_parallel_workers_per_gather",
  "max_prepared_transactions",
  "max_worker_processes",
  "role",
  "row_security",
  "segment_size",
  "server_encoding",
  "server_version",
  "server_version_num",
  "session_authorization",
  "session_replication_role",
  "shared_buffers",
  "ssl",
  "temp_buffers",
  "timezone_abbreviations",
  "wal_level",
  "work_mem",
] as const;
const READABLE: ReadonlySet<string> = new Set(READABLE_SETTINGS);

const isReadable = (name: string): boolean => READABLE.has(name) || isSafeToSet(name);

/** SHOW tells a setting, never a row. */
export const visitShow: Visitor<"VariableShowStmt"> = (work, stmt) => {
  const name = (stmt.name ?? "").toLowerCase();
  work.facts.classify("session");
  work.facts.deed("session");
  if (isReadable(name)) return;
  const what = name === "all" ? "shows every setting" : `shows the setting ${name}`;
  work.doubt(
    "UNSAFE_SETTING",
    `${what}, which may hold a secret; SHOW takes search_path, server_version, timezone and others that are known to hold none`,
  );
};

/** A name that only PostgreSQL's own function can have, with a setting that the text tells and anybody may see. */
export function currentSettingCalled(work: Work, call: Fields<"FuncCall">, schema: string | undefined): void {
  const name = constantOf(call.args?.[0]);
  const isHarmless = typeof name === "string" && isReadable(name.toLowerCase());
  if (!isHarmless || !isOnlyStock(work, schema, "current_setting")) {
    called(work, "function", schema, "current_setting");
  }
}
