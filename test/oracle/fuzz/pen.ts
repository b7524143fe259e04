import type { Dice } from "./dice.ts";
import { type Query, TABLES, type TableName } from "./grammar.ts";

/** What may be named where something is written. */
export interface Scope {
  readonly numbers: readonly string[];
  readonly texts: readonly string[];
  /** Aliases that stand for a whole row. */
  readonly rows: readonly string[];
  /** Those of public.orders, whose rows a function of the test schema takes. */
  readonly orders: readonly string[];
}

export const NOWHERE: Scope = { numbers: [], texts: [], rows: [], orders: [] };

export function joinScopes(inner: Scope, outer: Scope): Scope {
  return {
    numbers: [...inner.numbers, ...outer.numbers],
    texts: [...inner.texts, ...outer.texts],
    rows: [...inner.rows, ...outer.rows],
    orders: [...inner.orders, ...outer.orders],
  };
}

export interface Pen {
  readonly dice: Dice;
  readonly searchPath: readonly string[];
  /** Names for aliases, never twice the same. */
  fresh(prefix: string): string;
  /** WITH queries of the statement's top level that write. */
  readonly writes: string[];
  query(tree: Query, outer: Scope, pen: Pen): string;
}

/** With its schema wherever the path would find another one. */
export function tableName(table: TableName, { dice, searchPath }: Pen): string {
  const [schema = "", name = ""] = table.split(".");
  const found = searchPath.find((candidate) => Object.hasOwn(TABLES, `${candidate}.${name}`));
  if (found !== schema) return dice.pick(table, `"${schema}"."${name}"`);
  return dice.pick(name, table, `"${name}"`, `${schema} . "${name}"`);
}
