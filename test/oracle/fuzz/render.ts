import type { Dice } from "./dice.ts";
import type { Condition, Query, Source, Statement, TableName, Write } from "./grammar.ts";
import { TABLES } from "./grammar.ts";
import { condition, numeric, textual } from "./render-values.ts";
import { joinScopes, NOWHERE, type Pen, type Scope, tableName } from "./pen.ts";

/** The statement as text. Plain dice write it simply; others qualify, wrap, alias, cast and put in parentheses. */
export function render(statement: Statement, searchPath: readonly string[], dice: Dice): string {
  let names = 0;
  const pen: Pen = {
    dice,
    searchPath,
    writes: [],
    query,
    fresh: (prefix) => {
      names += 1;
      return `${prefix}${names}`;
    },
  };
  const text = top(statement, pen);
  if (pen.writes.length === 0) return text;
  // A statement has one WITH: when the query has taken it, the query goes inside.
  return `with ${pen.writes.join(", ")} ${text.startsWith("with ") ? `select n, t from (${text}) as w0` : text}`;
}

function top(statement: Statement, pen: Pen): string {
  const { dice } = pen;
  switch (statement.kind) {
    case "query":
      return query(statement.of, NOWHERE, pen);
    case "write":
      return write(statement.of, pen, false);
    case "copyQuery":
      return `copy (${query(statement.of, NOWHERE, pen)}) to stdout`;
    case "explain":
      return `explain ${dice.pick("", "verbose ", "(costs off) ")}${query(statement.of, NOWHERE, pen)}`;
    case "explainAnalyze":
      return `explain ${dice.pick("analyze ", "(analyze) ", "(verbose, analyze true) ")}${query(statement.of, NOWHERE, pen)}`;
    case "declare":
      return `declare some_cursor cursor for ${query(statement.of, NOWHERE, pen)}`;
    case "prepare":
      return `prepare some_statement as ${query(statement.of, NOWHERE, pen)}`;
    case "createTable":
      return `create table public.made as ${query(statement.of, NOWHERE, pen)}`;
    case "copyTable":
      return `copy ${tableName(statement.table, pen)} to stdout`;
    case "lock":
      return `lock ${dice.pick("", "table ")}${tableName(statement.table, pen)} in access share mode`;
    case "truncate":
      return `truncate ${dice.pick("", "table ")}${tableName(statement.table, pen)}`;
    case "forUpdate":
      return `select ${dice.pick("*", "1 as n")} from ${tableName(statement.table, pen)} for update`;
  }
}

function query(tree: Query, outer: Scope, pen: Pen): string {
  const { dice } = pen;
  const plain = selectOf(tree, outer, pen);
  switch (dice.roll(8)) {
    case 1:
      return `select n, t from (${plain}) as ${pen.fresh("w")}`;
    case 2: {
      // Named like a table: inside, that name still means the table.
      const name = dice.pick("orders", "secrets", "customers", "events");
      return `with ${name} as ${dice.pick("", "materialized ", "not materialized ")}(${plain}) select n, t from ${name}`;
    }
    case 3: {
      const alias = pen.fresh("w");
      return `select ${alias}.* from (select * from (${plain}) as ${pen.fresh("w")}) as ${alias}`;
    }
    case 4:
      return `(${plain})`;
    default:
      return plain;
  }
}

function selectOf(tree: Query, outer: Scope, pen: Pen): string {
  const { dice } = pen;
  const items: string[] = [];
  let scope = outer;
  for (const source of tree.from) {
    // Only LATERAL sees the items before it.
    const [item, columns] = from(source, source.kind === "lateral" ? scope : outer, pen);
    items.push(item);
    scope = joinScopes(columns, scope);
  }
  const where = tree.where === undefined ? "" : ` where ${condition(tree.where, scope, pen)}`;
  const order = tree.order === undefined ? "" : ` order by ${textual(tree.order, scope, pen)}`;
  const as = dice.pick(" as ", " ");
  const columns = `${numeric(tree.number, scope, pen)}${as}n, ${textual(tree.text, scope, pen)}${as}t`;
  const select = `select ${columns} from ${items.join(dice.pick(", ", " cross join "))}${where}${order}${limit(tree, pen)}`;
  if (tree.union === undefined) return select;
  return `(${select}) union all (${query(tree.union, outer, pen)})`;
}

/** Nothing of FROM may be named in a LIMIT. */
function limit({ limit: rows }: Query, pen: Pen): string {
  if (rows === undefined) return "";
  if (typeof rows !== "number") return ` limit (${numeric(rows, NOWHERE, pen)})`;
  return ` ${pen.dice.pick(`limit ${rows}`, `fetch first ${rows} rows only`)}`;
}

function from(source: Source, outer: Scope, pen: Pen): [string, Scope] {
  const alias = pen.fresh("f");
  const as = pen.dice.pick(` as ${alias}`, ` ${alias}`);
  const handedOn: Scope = { numbers: [`${alias}.n`], texts: [`${alias}.t`], rows: [alias], orders: [] };
  switch (source.kind) {
    case "table":
      return [`${tableName(source.table, pen)}${as}`, columnsOf(source.table, alias)];
    case "subquery":
      return [`(${query(source.of, outer, pen)})${as}`, handedOn];
    case "lateral":
      return [`lateral (${query(source.of, outer, pen)})${as}`, handedOn];
    case "write": {
      const name = pen.fresh("secrets");
      pen.writes.push(`${name} as (${write(source.of, pen, true)})`);
      return [`${name}${as}`, handedOn];
    }
  }
}

function columnsOf(table: TableName, alias: string): Scope {
  const { numbers, texts } = TABLES[table];
  return {
    numbers: numbers.map((name) => `${alias}.${name}`),
    texts: texts.map((name) => `${alias}.${name}::text`),
    rows: [alias],
    orders: table === "public.orders" ? [alias] : [],
  };
}

function write(tree: Write, pen: Pen, returning: boolean): string {
  const { dice } = pen;
  const target = tableName("public.staging", pen);
  const scope = columnsOf("public.staging", "s");
  const where = (of: Condition | undefined): string =>
    of === undefined ? "" : ` where ${condition(of, scope, pen)}`;
  const back = returning ? " returning s.id as n, s.status as t" : "";
  switch (tree.kind) {
    case "insert":
      return `insert into ${target} as s (id, status) ${query(tree.of, NOWHERE, pen)}${back}`;
    case "update":
      return `update ${target}${dice.pick(" as s", " s")} set id = ${numeric(tree.set, scope, pen)}${where(tree.where)}${back}`;
    case "delete":
      return `delete from ${target}${dice.pick(" as s", " s")}${where(tree.where)}${back}`;
    case "merge":
      // RETURNING of MERGE is new in 17, and both must be written alike on every version.
      return returning
        ? `delete from ${target} as s using (${query(tree.of, NOWHERE, pen)}) as u where u.n = s.id${back}`
        : `merge into ${target} as s using (${query(tree.of, NOWHERE, pen)}) as u on u.n = s.id
           when matched then delete when not matched then insert (id, status) values (u.n, u.t)`;
  }
}
