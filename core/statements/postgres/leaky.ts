/**
 * Relations of pg_catalog that give away more than the shape of the schema: rows' values, secrets, or what others do.
 * Reading them always needs a rule that names them; a rule that names them by accident, as `pg_catalog.*` does, deserves
 * a warning. What PostgreSQL shows to superusers only is listed too: the upstream role may be one.
 */
export const LEAKY_RELATIONS = {
  pg_authid: "password verifiers of every role",
  pg_shadow: "password verifiers of every role that may log in",
  pg_user_mapping: "passwords for foreign servers",
  pg_user_mappings: "passwords for foreign servers",
  pg_foreign_server: "addresses and options of foreign servers",
  pg_subscription: "connection strings with passwords",
  pg_statistic: "values out of every analysed table",
  pg_stats: "values out of every analysed table",
  pg_statistic_ext_data: "values out of tables with extended statistics",
  pg_stats_ext: "values out of tables with extended statistics",
  pg_stats_ext_exprs: "values out of tables with extended statistics",
  pg_largeobject: "the content of all large objects",
  pg_stat_activity: "the statements of other sessions, with their literals",
  pg_prepared_statements: "statements prepared by whoever used a pooled session before",
  pg_cursors: "statements of cursors held by whoever used a pooled session before",
  pg_settings: "settings, which may hold secrets of the application",
  pg_db_role_setting: "settings of databases and roles, which may hold secrets of the application",
  pg_roles: "settings of roles, which may hold secrets of the application",
  pg_user: "settings of roles, which may hold secrets of the application",
  pg_file_settings: "the server's configuration files",
  pg_hba_file_rules: "who may log in from where",
  pg_ident_file_mappings: "who may log in as whom",
  pg_replication_slots: "the state of replication",
  pg_stat_replication: "addresses of replicas",
  pg_stat_wal_receiver: "the connection string of the primary",
  pg_stat_ssl: "client certificates of other sessions",
  pg_stat_gssapi: "principals of other sessions",
  pg_proc: "bodies of functions, which may hold secrets",
  pg_rewrite: "definitions of views and rules",
  pg_views: "definitions of views",
  pg_matviews: "definitions of materialized views",
  pg_rules: "definitions of rules",
} as const satisfies Readonly<Record<string, string>>;
