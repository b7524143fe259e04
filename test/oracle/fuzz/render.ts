import type { Dice } from "./dice.ts";
import {
  type Condition,
  type Numeric,
  type Query,
  type Source,
  type Statement,
  TABLES,
  type TableName,
  type Textual,
  type Write,
} from "./grammar.ts";

/** Columns in sight, innermost query first. */
interface Scope {
  readonly numbers: readonly string[];
  readonly texts: readonly string[];
}

const NOWHERE: Scope = { numbers: [], texts: [] };

interface Pen {
  readonly dice: Dice;
  /** Names for aliases and WITH queries, never twice the same. */
  fresh(prefix: string): string;
  /** WITH queries of the statement's top level that contain writes. */
  readonly writes: string[];
}

/** The statement as text. Plain dice write it simply; others qualify, wrap, alias, cast and put in parentheses. */
export function render(statement: Statement, dice: Dice): string {
  let names = 0;
  const pen: Pen = {
    dice,
    writes: [],
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
  switch (statement.kind) {
    case "query":
      return query(statement.of, NOWHERE, pen);
    case "write":
      return write(statement.of, pen, false);
    case "copyQuery":
      return `copy (${query(statement.of, NOWHERE, pen)}) to stdout`;
    case "explain":
      return `explain ${pen.dice.pick("", "verbose ", "(costs off) ")}${query(statement.of, NOWHERE, pen)}`;
    case "explainAnalyze":
      return `explain ${pen.dice.pick("analyze ", "(analyze) ", "(verbose, analyze true) ")}${query(statement.of, NOWHERE, pen)}`;
    case "declare":
      return `declare some_cursor cursor for ${query(statement.of, NOWHERE, pen)}`;
    case "prepare":
      return `prepare some_statement as ${query(statement.of, NOWHERE, pen)}`;
    case "createTable":
      return `create table public.made as ${query(statement.of, NOWHERE, pen)}`;
    case "copyTable":
      return `copy ${tableName(statement.table, pen)} to stdout`;
    case "lock":
      return `lock ${pen.dice.pick("", "table ")}${tableName(statement.table, pen)} in access share mode`;
    case "truncate":
      return `truncate ${pen.dice.pick("", "table ")}${tableName(statement.table, pen)}`;
    case "forUpdate":
      return `select ${pen.dice.pick("*", "1 as n")} from ${tableName(statement.table, pen)} for update`;
  }
}

function query(tree: Query, outer: Scope, pen: Pen): string {
  const { dice } = pen;
  const plain = selectOf(tree, outer, pen);
  switch (dice.roll(8)) {
    case 1:
      return `select n, t from (${plain}) as ${pen.fresh("w")}`;
    case 2: {
      const name = pen.fresh("orders");
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
  // Each subquery of FROM sees only what is outside, so that no LATERAL is needed.
  for (const source of tree.from) {
    const [item, columns] = from(source, outer, pen);
    items.push(item);
    scope = { numbers: [...columns.numbers, ...scope.numbers], texts: [...columns.texts, ...scope.texts] };
  }
  const separator = dice.pick(", ", " cross join ");
  const where = tree.where === undefined ? "" : ` where ${condition(tree.where, scope, pen)}`;
  const limit =
    tree.limit === undefined
      ? ""
      : ` ${dice.pick(`limit ${tree.limit}`, `fetch first ${tree.limit} rows only`)}`;
  const as = dice.pick(" as ", " ");
  const columns = `${numeric(tree.number, scope, pen)}${as}n, ${textual(tree.text, scope, pen)}${as}t`;
  const select = `select ${columns} from ${items.join(separator)}${where}${limit}`;
  if (tree.union === undefined) return select;
  return `(${select}) union all (${query(tree.union, outer, pen)})`;
}

function from(source: Source, outer: Scope, pen: Pen): [string, Scope] {
  const alias = pen.fresh("f");
  const as = pen.dice.pick(` as ${alias}`, ` ${alias}`);
  const handedOn: Scope = { numbers: [`${alias}.n`], texts: [`${alias}.t`] };
  switch (source.kind) {
    case "table": {
      const { numbers, texts } = TABLES[source.table];
      const columns = {
        numbers: numbers.map((name) => `${alias}.${name}`),
        texts: texts.map((name) => `${alias}.${name}::text`),
      };
      return [`${tableName(source.table, pen)}${as}`, columns];
    }
    case "subquery":
      return [`(${query(source.of, outer, pen)})${as}`, handedOn];
    case "write": {
      const name = pen.fresh("secrets");
      pen.writes.push(`${name} as (${write(source.of, pen, true)})`);
      return [`${name}${as}`, handedOn];
    }
  }
}

function write(tree: Write, pen: Pen, returning: boolean): string {
  const target = tableName("public.staging", pen);
  const scope: Scope = { numbers: ["s.id"], texts: ["s.status"] };
  const where = (of: Condition | undefined): string =>
    of === undefined ? "" : ` where ${condition(of, scope, pen)}`;
  const back = returning ? " returning s.id as n, s.status as t" : "";
  switch (tree.kind) {
    case "insert":
      return `insert into ${target} as s (id, status) ${query(tree.of, NOWHERE, pen)}${back}`;
    case "update":
      return `update ${target}${pen.dice.pick(" as s", " s")} set id = ${numeric(tree.set, scope, pen)}${where(tree.where)}${back}`;
    case "delete":
      return `delete from ${target}${pen.dice.pick(" as s", " s")}${where(tree.where)}${back}`;
    case "merge":
      // RETURNING of MERGE is new in 17, and both must be written alike on every version.
      return returning
        ? `delete from ${target} as s using (${query(tree.of, NOWHERE, pen)}) as u where u.n = s.id${back}`
        : `merge into ${target} as s using (${query(tree.of, NOWHERE, pen)}) as u on u.n = s.id
           when matched then delete when not matched then insert (id, status) values (u.n, u.t)`;
  }
}

function tableName(table: TableName, { dice }: Pen): string {
  const [schema = "", name = ""] = table.split(".");
  if (schema !== "public") return dice.pick(table, `"${schema}"."${name}"`);
  return dice.pick(name, table, `"${name}"`, `public . "${name}"`);
}

function numeric(tree: Numeric, scope: Scope, pen: Pen): string {
  const { dice } = pen;
  const inner = (): string => {
    switch (tree.kind) {
      case "number":
        return String(tree.value);
      case "column":
        return scope.numbers[tree.nr % scope.numbers.length] ?? "0";
      case "sum":
        return `(${numeric(tree.left, scope, pen)} ${dice.pick("+", "operator(pg_catalog.+)")} ${numeric(tree.right, scope, pen)})`;
      case "length":
        return `${dice.pick("", "pg_catalog.")}length(${textual(tree.of, scope, pen)})`;
      case "random":
        return `${dice.pick("", "pg_catalog.")}random()`;
      case "count":
        return `(select count(*) from (${query(tree.of, scope, pen)}) as ${pen.fresh("c")})`;
    }
  };
  return wrapped(`${inner()}::float8`, dice);
}

function textual(tree: Textual, scope: Scope, pen: Pen): string {
  const { dice } = pen;
  const inner = (): string => {
    switch (tree.kind) {
      case "text":
        return `'${tree.value}'`;
      case "textColumn":
        return scope.texts[tree.nr % scope.texts.length] ?? "'none'";
      case "upper":
        return `${dice.pick("", "pg_catalog.")}upper(${textual(tree.of, scope, pen)})`;
      case "joined":
        return `(${textual(tree.left, scope, pen)} ${dice.pick("||", "operator(pg_catalog.||)")} ${textual(tree.right, scope, pen)})`;
      case "secretValue":
        return `(select value from ${tableName("public.secrets", pen)} where id = ${numeric(tree.id, scope, pen)} limit 1)`;
      case "sequence":
        return `${dice.pick("", "pg_catalog.")}nextval('order_numbers')`;
    }
  };
  return wrapped(`${inner()}::text`, dice);
}

function wrapped(text: string, dice: Dice): string {
  return dice.pick(text, `(${text})`, `((${text}))`, `(select ${text})`);
}

function condition(tree: Condition, scope: Scope, pen: Pen): string {
  const { dice } = pen;
  const inner = (): string => {
    switch (tree.kind) {
      case "true":
        return dice.pick("true", "not false", "1 = 1");
      case "equal":
        return `${numeric(tree.left, scope, pen)} ${dice.pick("=", "operator(pg_catalog.=)")} ${numeric(tree.right, scope, pen)}`;
      case "like":
        return `${textual(tree.left, scope, pen)} like ${textual(tree.right, scope, pen)}`;
      case "same":
        return `${textual(tree.left, scope, pen)} ${dice.pick("===", "operator(public.===)")} ${textual(tree.right, scope, pen)}`;
      case "and":
      case "or":
        return `(${condition(tree.left, scope, pen)} ${tree.kind} ${condition(tree.right, scope, pen)})`;
      case "not":
        return `not (${condition(tree.of, scope, pen)})`;
      case "exists":
        return `exists (${query(tree.of, scope, pen)})`;
      case "in":
        return `${numeric(tree.left, scope, pen)} in (select n from (${query(tree.of, scope, pen)}) as ${pen.fresh("i")})`;
    }
  };
  return dice.pick(inner(), `(${inner()})`);
}
