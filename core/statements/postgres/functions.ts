/**
 * Functions of PostgreSQL and its contrib modules that reach data which no relation in the text names: they run SQL
 * from a string, read the server's files, large objects or other databases. They stay a doubt even for a rule that
 * names them, because what they touch stands in their arguments and not in the facts. A rule that names a function of
 * the user's own is deliberate and is honoured.
 *
 * Everything else that is not harmless (pg_sleep, nextval, pg_terminate_backend, …) is a call that a rule may name.
 */
import type { DoubtCode } from "./facts.ts";

interface Family {
  readonly code: DoubtCode;
  readonly does: string;
  readonly names: RegExp;
  /** Contrib modules may be installed in any schema; the others are pg_catalog's own. */
  readonly anySchema?: true;
}

const FAMILIES: readonly Family[] = [
  {
    code: "DYNAMIC_CODE",
    does: "runs SQL that stands in a string",
    names: /^(?:(?:query|cursor|table|schema|database)_to_xml(?:schema|_and_xmlschema)?|ts_stat|ts_rewrite)$/,
  },
  {
    code: "DYNAMIC_CODE",
    does: "runs SQL that stands in a string",
    names: /^(?:crosstab[234n]?|crosstab_hash|connectby|xpath_table)$/,
    anySchema: true,
  },
  {
    code: "SERVER_FILE",
    does: "reads or writes files of the server",
    names:
      /^(?:pg_read_(?:binary_)?file(?:_old|_off_len(?:_missing)?|_all(?:_missing)?)?|pg_ls_\w+|pg_stat_file|pg_current_logfile|pg_logdir_ls|pg_file_\w+|lo_import|lo_export|be_lo_import|be_lo_export|pg_hba_file_rules|pg_ident_file_mappings|pg_show_all_file_settings)$/,
    anySchema: true,
  },
  {
    code: "EXTERNAL_DATA",
    does: "reads or writes large objects, which no relation names",
    names: /^(?:lo_\w+|loread|lowrite|lo)$/,
  },
  {
    code: "EXTERNAL_DATA",
    does: "reaches another database",
    names: /^(?:dblink\w*|postgres_fdw_\w+|pg_background_\w+)$/,
    anySchema: true,
  },
  {
    code: "REPLICATION",
    does: "reads or moves the stream of changes",
    names:
      /^(?:pg_(?:logical_(?:slot|emit)_\w+|create_(?:logical|physical)_replication_slot|copy_(?:logical|physical)_replication_slot|drop_replication_slot|replication_\w+|sync_replication_slots|walfile_\w+|get_wal_\w+|switch_wal|create_restore_point|backup_\w+))$/,
  },
  {
    code: "EXTERNAL_DATA",
    does: "reads raw pages, whatever relation they belong to",
    names:
      /^(?:get_raw_page|heap_page_items?|heap_page_item_attrs|tuple_data_split|bt_page_items|pgrowlocks|pg_get_loaded_modules)$/,
    anySchema: true,
  },
];

export function externalFunction(
  schema: string | undefined,
  name: string,
): { readonly code: DoubtCode; readonly does: string } | undefined {
  const stock = schema === undefined || schema === "pg_catalog";
  return FAMILIES.find((family) => (stock || family.anySchema === true) && family.names.test(name));
}

/**
 * Aggregates whose one result does not carry the rows they were made of. array_agg, string_agg, json_agg and their kin
 * are not among them: those hand on every row in one value.
 */
const SUMMARIES = new Set([
  "count",
  "sum",
  "avg",
  "min",
  "max",
  "bool_and",
  "bool_or",
  "every",
  "stddev",
  "stddev_pop",
  "stddev_samp",
  "variance",
  "var_pop",
  "var_samp",
]);

export function isSummary(schema: string | undefined, name: string): boolean {
  return (schema === undefined || schema === "pg_catalog") && SUMMARIES.has(name);
}

/** Aggregates, also over a window, whose one value holds what many rows held; whatever schema brings one of that name. */
const COLLECTORS =
  /^(?:array_agg|string_agg|xmlagg|range_agg|percentile_(?:cont|disc)|jsonb?_(?:object_)?agg(?:_unique)?(?:_strict)?)$/;

export const isCollector = (name: string): boolean => COLLECTORS.test(name);
