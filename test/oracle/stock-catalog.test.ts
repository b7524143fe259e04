import assert from "node:assert/strict";
import { test } from "node:test";
import { STOCK_VERSIONS, stockCatalog } from "#core/statements/postgres/stock.ts";
import { judge, Unreviewed, verdictOf } from "#tools/stock-catalog/judge.ts";
import type { Snapshot, StockFunction } from "#tools/stock-catalog/snapshot.ts";

const PUBLIC = ["public"];
const harm = (name: string, version: 15 | 16 | 17 | 18 = 18) =>
  stockCatalog(version).functionHarm(undefined, name, PUBLIC);

test("plain computation is harmless in every version", () => {
  for (const version of STOCK_VERSIONS) {
    for (const name of [
      "lower",
      "now",
      "count",
      "jsonb_agg",
      "to_char",
      "generate_series",
      "version",
      "bernoulli",
    ])
      assert.equal(harm(name, version), "harmless", `${name} of ${version}`);
    assert.equal(harm("leak", version), "absent");
  }
});

test("what reaches relations, files, settings, locks, other sessions or text as code is not", () => {
  const reaching = `query_to_xml table_to_xml database_to_xmlschema cursor_to_xml ts_stat ts_rewrite pg_read_file
    pg_read_binary_file pg_ls_dir pg_stat_file lo_import lo_export lo_get loread pg_stat_get_activity pg_sleep pg_sleep_for
    pg_terminate_backend pg_cancel_backend pg_advisory_lock pg_try_advisory_xact_lock nextval setval currval set_config
    current_setting pg_notify pg_current_xact_id txid_current pg_export_snapshot pg_logical_emit_message
    pg_logical_slot_get_changes pg_replication_origin_create binary_upgrade_set_next_pg_authid_oid pg_get_functiondef
    pg_relation_size pg_hba_file_rules pg_show_all_settings pg_input_is_valid domain_in record_in array_in currtid2
    satisfies_hash_partition pg_partition_root obj_description pg_get_viewdef pg_prepared_statement pg_switch_wal
    pg_reload_conf pg_promote pg_restore_relation_stats plpgsql_inline_handler textin int4out RI_FKey_cascade_del`;
  for (const name of reaching.trim().split(/\s+/)) assert.equal(harm(name), "unknown", name);
});

test("a name belongs to the versions that have it", () => {
  assert.equal(harm("uuidv7", 18), "harmless");
  assert.equal(harm("uuidv7", 17), "absent");
  assert.equal(stockCatalog(17).hasRelation("pg_catalog", "pg_aios"), false);
  assert.equal(stockCatalog(18).hasRelation("pg_catalog", "pg_aios"), true);
});

test("a schema is taken at its word", () => {
  const catalog = stockCatalog(18);
  assert.equal(catalog.functionHarm("pg_catalog", "lower", []), "harmless");
  assert.equal(catalog.functionHarm("public", "lower", []), "absent");
  assert.equal(catalog.functionHarm("information_schema", "_pg_truetypid", []), "unknown");
  assert.equal(catalog.functionHarm(undefined, "_pg_truetypid", PUBLIC), "absent");
  assert.equal(catalog.functionHarm(undefined, "_pg_truetypid", ["information_schema"]), "unknown");
  assert.equal(catalog.functionHarm("pg_catalog", "information_schema._pg_truetypid", []), "absent");
  assert.equal(catalog.operatorHarm("public", "=", []), "absent");
  assert.equal(catalog.operatorHarm(undefined, "=", PUBLIC), "harmless");
  assert.equal(catalog.operatorHarm(undefined, "===", PUBLIC), "absent");
  assert.equal(catalog.typeHarm("pg_catalog", "int4", []), "harmless");
  assert.equal(catalog.typeHarm(undefined, "cstring", []), "unknown");
  assert.equal(catalog.typeHarm(undefined, "mood", PUBLIC), "absent");
});

test("of relations it knows the stock schemas, and says so of no other", () => {
  const catalog = stockCatalog(18);
  assert.equal(catalog.assumed, true);
  assert.equal(catalog.hasRelation("pg_catalog", "pg_authid"), true);
  assert.equal(catalog.hasRelation("pg_catalog", "orders"), false);
  assert.equal(catalog.hasRelation("information_schema", "columns"), true);
  assert.equal(catalog.hasRelation("public", "pg_authid"), undefined);
});

const stock = (name: string, volatility: StockFunction["volatility"], ...types: string[]): StockFunction => ({
  schema: "pg_catalog",
  name,
  volatility,
  types,
});
const snapshotOf = (...functions: StockFunction[]): Snapshot => ({
  version: 18,
  functions,
  operators: [],
  types: [],
  relations: [],
});

test("one overload that is not harmless spoils the name", () => {
  assert.equal(judge(snapshotOf(stock("hum", "immutable", "text", "text"))).functions.get("hum"), "harmless");
  const both = snapshotOf(
    stock("hum", "immutable", "text", "text"),
    stock("hum", "immutable", "internal", "text"),
  );
  assert.equal(judge(both).functions.get("hum"), "unknown");
});

test("a stable or volatile function that nobody has judged stops the generator", () => {
  assert.equal(verdictOf(stock("hum", "stable", "text")), "unknown");
  assert.throws(() => judge(snapshotOf(stock("hum", "stable", "text"))), Unreviewed);
  assert.throws(() => judge(snapshotOf(stock("hum", "volatile", "text"))), Unreviewed);
  assert.doesNotThrow(() => judge(snapshotOf(stock("now", "stable", "timestamp with time zone"))));
});
