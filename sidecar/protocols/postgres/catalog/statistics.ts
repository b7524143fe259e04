/** PostgreSQL keeps values out of every analysed column beside the column. Where anything is masked, those are, too. */
import type { ColumnMask } from "#core/policy/decision.ts";

const VALUES: Readonly<Record<string, readonly string[]>> = {
  pg_statistic: ["stavalues1", "stavalues2", "stavalues3", "stavalues4", "stavalues5"],
  pg_stats: ["most_common_vals", "histogram_bounds", "most_common_elems", "range_bounds_histogram"],
  pg_statistic_ext_data: ["stxdmcv", "stxdexpr"],
  pg_stats_ext: ["most_common_vals"],
  pg_stats_ext_exprs: ["most_common_vals", "histogram_bounds", "most_common_elems"],
};

export const isStatistics = (schema: string, name: string): boolean =>
  schema === "pg_catalog" && Object.hasOwn(VALUES, name);

export const STATISTICS_MASKS: readonly ColumnMask[] = Object.entries(VALUES).flatMap(([table, columns]) =>
  columns.map((column): ColumnMask => ({ schema: "pg_catalog", table, column, action: "nullify" })),
);
