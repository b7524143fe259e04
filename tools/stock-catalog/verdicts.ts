/**
 * Which stock functions are harmless: our judgement, reviewed here and nowhere else. Harmless means that a call with any
 * argument runs no code of a user, writes nothing, waits for nobody, and reads no relation, file, secret or other
 * session. Memory and time are not judged: `repeat` and a slow regular expression stay harmless, and the server's
 * statement_timeout and work_mem bound them.
 *
 * What is not harmless is not forbidden; a rule has to name it.
 */
export interface Review {
  readonly verdict: "harmless" | "unknown";
  readonly why: string;
  /** Functions by exact name or by a pattern over the whole name. */
  readonly names: readonly (string | RegExp)[];
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** The first row that names a function decides. A stable or volatile function that no row names stops the generator. */
export const REVIEWS: readonly Review[] = [
  {
    verdict: "unknown",
    why: "runs the text it is given, or exports what a relation, schema or cursor holds",
    names: [/(query|table|schema|database|cursor)_to_xml.*/, "ts_stat", "ts_rewrite", "ts_debug"],
  },
  {
    verdict: "unknown",
    why: "reads a value as a type that is named by a text or an oid, and so runs that domain's CHECK functions",
    names: words(
      "pg_input_is_valid pg_input_error_info domain_in domain_recv array_in record_in range_in multirange_in",
    ),
  },
  {
    verdict: "unknown",
    why: "reads or lists the server's files",
    names: [
      /pg_(read|ls)_.*/,
      ...words(`pg_stat_file pg_current_logfile pg_config pg_available_extensions pg_available_extension_versions
        pg_extension_update_paths pg_timezone_names pg_timezone_abbrevs pg_timezone_abbrevs_zone
        pg_timezone_abbrevs_abbrevs pg_tablespace_location pg_tablespace_databases pg_hba_file_rules
        pg_ident_file_mappings pg_show_all_file_settings pg_get_loaded_modules pg_import_system_collations`),
    ],
  },
  { verdict: "unknown", why: "large objects", names: [/lo_.*/, "loread", "lowrite", /.*largeobject.*/] },
  {
    verdict: "unknown",
    why: "what other sessions do, or the state of the whole server",
    names: [
      /pg_stat_.*/,
      /pg_control_.*/,
      /pg_(current|last|available|get|walfile|split).*_?wal.*/,
      /pg_wal(file)?_(?!lsn_diff).*/,
      /pg_is_wal_.*/,
      /pg_last_.*/,
      /pg_get_(aios|backend_memory_contexts|multixact_members|replication_slots|shmem_allocations.*|wait_events)/,
      /pg_(safe_snapshot_)?blocking_pids/,
      ...words(`pg_lock_status pg_prepared_xact pg_notification_queue_usage pg_isolation_test_session_is_blocked
        pg_jit_available pg_numa_available pg_conf_load_time pg_xact_status txid_status pg_xact_commit_timestamp
        pg_xact_commit_timestamp_origin inet_client_addr inet_client_port inet_server_addr inet_server_port`),
    ],
  },
  {
    verdict: "unknown",
    why: "acts on other sessions or on the server",
    names: [
      /pg_(cancel|terminate|log)_.*/,
      /pg_(backup|promote|reload_conf|rotate_logfile|switch_wal|create_restore_point|sync_replication).*/,
      /binary_upgrade_.*/,
      /pg_(clear|restore)_.*_stats/,
      ...words("pg_nextoid pg_stop_making_pinned_objects pg_extension_config_dump pg_export_snapshot"),
    ],
  },
  {
    verdict: "unknown",
    why: "replication and logical decoding: reads what every session wrote",
    names: [
      /pg_(logical|replication|create_(logical|physical)|copy_(logical|physical)|drop_replication)_.*/,
      "pg_show_replication_origin_status",
      "pg_get_publication_tables",
    ],
  },
  {
    verdict: "unknown",
    why: "locks, sleeps or sends to other sessions",
    names: [/pg_(try_)?advisory_.*/, /pg_sleep.*/, "pg_notify"],
  },
  {
    verdict: "unknown",
    why: "writes: sequences, transaction ids, indexes, settings, the state of random()",
    names: [
      ...words(`nextval setval currval lastval set_config setseed pg_current_xact_id txid_current`),
      /brin_(de)?summarize_.*/,
      "gin_clean_pending_list",
    ],
  },
  {
    // Teams do keep secrets in settings of a database or role: `ALTER DATABASE … SET app.jwt_secret`.
    verdict: "unknown",
    why: "settings and session objects may hold secrets, also those of whoever used a pooled session before",
    names: words(`current_setting pg_show_all_settings pg_settings_get_flags pg_cursor pg_prepared_statement
      pg_listening_channels`),
  },
  {
    verdict: "unknown",
    why: "opens, measures or lists the relation that it is given, locking it",
    names: [
      /pg_(total_)?(relation|table|indexes|database|tablespace)_size/,
      /pg_partition_(root|tree|ancestors)/,
      /pg_(relation|column)_is_(updatable|publishable)/,
      /pg_relation_file(node|path)/,
      ...words(`currtid2 pg_filenode_relation satisfies_hash_partition pg_get_replica_identity_index pg_get_sequence_data
        pg_sequence_last_value pg_sequence_parameters`),
    ],
  },
  {
    verdict: "unknown",
    why: "gives the text of definitions, which may hold secrets, or reads a system catalog's rows",
    names: [
      /(obj|col|shobj)_description/,
      /pg_get_(viewdef|ruledef|triggerdef|functiondef|function_sqlbody|constraintdef|partition_constraintdef)/,
      /pg_get_(indexdef|partkeydef|statisticsobjdef.*|expr|function_arg_default|object_address|serial_sequence|acl)/,
      /pg_(describe|identify)_object.*/,
      ...words(
        "pg_get_function_arguments pg_get_catalog_foreign_keys pg_index_has_property pg_index_column_has_property",
      ),
    ],
  },
  {
    verdict: "unknown",
    why: "means something only to the server itself",
    names: [
      /fmgr_.*_validator/,
      /plpgsql_.*/,
      /pg_event_trigger_.*/,
      /pg_(database_)?collation_actual_version/,
      /(pg|brin)_.*_send/,
      ...words("amvalidate postgresql_fdw_validator pg_mcv_list_items"),
    ],
  },
  {
    verdict: "harmless",
    why: "the clock",
    names: words("now statement_timestamp transaction_timestamp clock_timestamp timeofday"),
  },
  {
    verdict: "harmless",
    why: "chance; leaves nothing behind but the session's own generator",
    names: words("random random_normal gen_random_uuid uuidv4 uuidv7 array_sample array_shuffle"),
  },
  {
    verdict: "harmless",
    why: "the caller's own session, as drivers ask for it",
    names:
      words(`current_user session_user system_user getpgusername current_database current_schema current_schemas
      version pg_backend_pid pg_client_encoding getdatabaseencoding pg_is_in_recovery pg_postmaster_start_time
      pg_my_temp_schema pg_is_other_temp_schema pg_trigger_depth current_query get_current_ts_config
      pg_current_snapshot txid_current_snapshot pg_current_xact_id_if_assigned txid_current_if_assigned age mxid_age`),
  },
  {
    verdict: "harmless",
    why: "names, types and privileges from the catalog caches",
    names: [
      /has_(any_column|column|database|foreign_data_wrapper|function|language|parameter|schema|sequence)_privilege/,
      /has_(server|table|tablespace|type)_privilege/,
      /pg_.*_is_visible/,
      /to_reg.*/,
      ...words(`pg_has_role row_security_active format_type oidvectortypes pg_get_userbyid pg_encoding_to_char
        pg_char_to_encoding pg_get_function_identity_arguments pg_get_function_result pg_get_keywords pg_basetype
        pg_indexam_has_property regclass`),
    ],
  },
  {
    verdict: "harmless",
    why: "says something of the value that it is given",
    names:
      words(`pg_typeof pg_collation_for pg_column_size pg_column_compression pg_column_toast_chunk_id aclexplode
      pg_options_to_table enum_first enum_last enum_range`),
  },
  {
    verdict: "harmless",
    why: "text and binary forms that depend on the session's settings, encoding or locale",
    names: [
      /(?!pg_|brin_)[a-z0-9_]+send/,
      ...words(`format concat concat_ws textanycat anytextcat quote_literal quote_nullable array_to_string convert
        convert_from convert_to length to_char to_date to_number to_timestamp money numeric`),
    ],
  },
  {
    verdict: "harmless",
    why: "dates and times that depend on the session's time zone",
    names: [
      /(date|timestamp|timestamptz)_(cmp|eq|ne|lt|le|gt|ge)_(date|timestamp|timestamptz)/,
      ...words(`date date_add date_subtract date_part date_trunc extract generate_series in_range overlaps
        interval_pl_timestamptz make_timestamptz time timestamp timestamptz timestamptz_mi_interval
        timestamptz_pl_interval timetz timezone`),
    ],
  },
  {
    verdict: "harmless",
    why: "JSON and XML out of the values that they are given; external entities are refused by the server",
    names: [
      /jsonb?_(agg|build|object_agg|path|populate|to)_?.*/,
      ...words("to_json to_jsonb row_to_json array_to_json xml xml_is_well_formed"),
    ],
  },
  {
    verdict: "harmless",
    why: "text search: configurations and dictionaries come from a superuser",
    names: [
      /(plainto|phraseto|websearch_to|to)_tsquery/,
      ...words("to_tsvector ts_headline ts_match_tq ts_match_tt ts_parse ts_token_type"),
    ],
  },
];

/** Sampling methods are functions by catalog, and TABLESAMPLE is the only way to run them. */
export const SAMPLING_METHODS: readonly string[] = ["bernoulli", "system"];
