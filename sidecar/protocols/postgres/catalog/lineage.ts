/** From which columns of which relations each column of a view is made. */
import {
  isNode,
  listOf,
  numberOf,
  readTree,
  textOf,
  type TreeNode,
  TreeUnreadable,
  type TreeValue,
} from "./node-tree.ts";

export interface SourceColumn {
  readonly relation: number;
  /** 0: the whole row. */
  readonly column: number;
}
/** By the number of the view's column. */
export type ViewLineage = ReadonlyMap<number, readonly SourceColumn[]>;

/** Steps that one view may take: nobody writes a larger one, and a hostile one must not keep the gateway busy. */
const STEPS_MAX = 200_000;

/** Undefined when the tree is not one that we can read: nothing is known of any column then. */
export function lineageOf(rule: string): ViewLineage | undefined {
  try {
    const actions = readTree(rule);
    const query = Array.isArray(actions) ? (actions as readonly TreeValue[])[0] : actions;
    if (!isNode(query) || query.tag !== "QUERY") return undefined;
    const lineage = new Map<number, readonly SourceColumn[]>();
    for (const number of targetsOf(query).keys()) {
      const walk = new Walk();
      walk.output([query], number);
      lineage.set(number, [...walk.found.values()]);
    }
    return lineage;
  } catch (error) {
    if (error instanceof TreeUnreadable) return undefined;
    throw error;
  }
}

const targets = new WeakMap<TreeNode, ReadonlyMap<number, TreeNode>>();

/** By number. A column that is there for ORDER BY alone is `resjunk`, and none of the result. */
function targetsOf(query: TreeNode): ReadonlyMap<number, TreeNode> {
  const known = targets.get(query);
  if (known !== undefined) return known;
  const found = new Map(
    listOf(query, "targetList")
      .filter(isNode)
      .filter((target) => textOf(target, "resjunk") === "false")
      .map((target) => [numberOf(target, "resno"), target]),
  );
  targets.set(query, found);
  return found;
}

/** The queries around an expression, the innermost last: what `varlevelsup` counts. */
type Levels = readonly [TreeNode, ...TreeNode[]];

/** `RTEKind`. */
const KIND = {
  relation: 0,
  subquery: 1,
  join: 2,
  function: 3,
  tableFunction: 4,
  values: 5,
  cte: 6,
  tuplestore: 7,
  result: 8,
  group: 9,
} as const;

class Walk {
  readonly found = new Map<string, SourceColumn>();
  readonly #seen = new Map<TreeNode, Set<string>>();
  #steps = 0;

  /** Column `number` of a query's result; 0: all of them. */
  output(levels: Levels, number: number): void {
    const query = innermost(levels);
    if (this.#isRepeated(query, `output ${number}`)) return;
    if (query.fields.get("setOperations") !== undefined) {
      for (const arm of armsOf(query.fields.get("setOperations"))) this.#item(levels, arm, number);
      return;
    }
    const all = targetsOf(query);
    const wanted = number === 0 ? [...all.values()] : [all.get(number)];
    for (const target of wanted) this.#expression(target?.fields.get("expr"), levels);
  }

  #expression(value: TreeValue, levels: Levels): void {
    this.#steps += 1;
    if (this.#steps > STEPS_MAX) throw new TreeUnreadable("a view is too large");
    if (Array.isArray(value)) {
      for (const item of value as readonly TreeValue[]) this.#expression(item, levels);
      return;
    }
    if (!isNode(value)) return;
    if (value.tag === "VAR") {
      const up = numberOf(value, "varlevelsup");
      this.#item(levelsUp(levels, up), numberOf(value, "varno"), numberOf(value, "varattno"));
    } else if (value.tag === "QUERY") this.#subquery(value, levels);
    else for (const field of value.fields.values()) this.#expression(field, levels);
  }

  /** In an expression a subquery's conditions count, too: EXISTS returns nothing else. */
  #subquery(query: TreeNode, outer: Levels): void {
    const levels: Levels = [...outer, query];
    if (this.#isRepeated(query, "all")) return;
    this.output(levels, 0);
    for (const field of ["jointree", "havingQual"]) this.#expression(query.fields.get(field), levels);
  }

  /** Column `column` of an item of FROM; 0: its whole row. */
  #item(levels: Levels, index: number, column: number): void {
    const item = listOf(innermost(levels), "rtable")[index - 1];
    if (!isNode(item)) throw new TreeUnreadable("a column belongs to nothing");
    const kind = numberOf(item, "rtekind");
    switch (kind) {
      case KIND.relation:
        // Oid, transaction and place of a row hold no value of anybody's.
        if (column >= 0) this.#source(numberOf(item, "relid"), column);
        return;
      case KIND.subquery: {
        const query = item.fields.get("subquery");
        if (!isNode(query)) throw new TreeUnreadable("a subquery is missing");
        return this.output([...levels, query], column);
      }
      case KIND.join:
        return this.#listed(listOf(item, "joinaliasvars"), column, levels);
      case KIND.group:
        return this.#listed(listOf(item, "groupexprs"), column, levels);
      case KIND.cte:
        return this.#cte(levels, item, column);
      case KIND.function:
        return this.#expression(item.fields.get("functions"), levels);
      case KIND.tableFunction:
        return this.#expression(item.fields.get("tablefunc"), levels);
      case KIND.values:
        return this.#expression(item.fields.get("values_lists"), levels);
      case KIND.result:
        return;
      default:
        throw new TreeUnreadable("a view reads from something unknown");
    }
  }

  #source(relation: number, column: number): void {
    this.found.set(`${relation}.${column}`, { relation, column });
  }

  #listed(expressions: readonly TreeValue[], column: number, levels: Levels): void {
    this.#expression(column === 0 ? expressions : expressions[column - 1], levels);
  }

  #cte(levels: Levels, item: TreeNode, column: number): void {
    const owner = levelsUp(levels, numberOf(item, "ctelevelsup"));
    const name = textOf(item, "ctename");
    const entries = listOf(innermost(owner), "cteList").filter(isNode);
    const query = entries.find((entry) => textOf(entry, "ctename") === name)?.fields.get("ctequery");
    if (!isNode(query)) throw new TreeUnreadable("a WITH query is missing");
    this.output([...owner, query], column);
  }

  /** A recursive query reads itself. */
  #isRepeated(query: TreeNode, what: string): boolean {
    const seen = this.#seen.get(query);
    if (seen === undefined) this.#seen.set(query, new Set([what]));
    else if (seen.has(what)) return true;
    else seen.add(what);
    return false;
  }
}

const innermost = (levels: Levels): TreeNode => levels.at(-1) ?? levels[0];

function levelsUp(levels: Levels, up: number): Levels {
  const [first, ...rest] = levels;
  if (up < 0 || up > rest.length) throw new TreeUnreadable("a column belongs to no level");
  return [first, ...rest.slice(0, rest.length - up)];
}

/** The items of FROM that UNION and its kin put together. */
function armsOf(value: TreeValue): number[] {
  if (!isNode(value)) throw new TreeUnreadable("a set operation is missing");
  if (value.tag === "RANGETBLREF") return [numberOf(value, "rtindex")];
  return [...armsOf(value.fields.get("larg")), ...armsOf(value.fields.get("rarg"))];
}
