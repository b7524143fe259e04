import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { analyse, STATEMENTS_MAX, TREE_DEPTH_MAX } from "#core/statements/postgres/analyse.ts";
import { NODES } from "#core/statements/postgres/nodes.ts";
import { type Node, type ParseTree, untaggedField } from "#core/statements/postgres/tree.ts";
import { described, session } from "./support.ts";

const require = createRequire(import.meta.url);
const folder = dirname(require.resolve("@pgsql/types"));
const types = readFileSync(join(folder, "types.d.ts"), "utf8");
const enums = new Set(
  [...readFileSync(join(folder, "enums.d.ts"), "utf8").matchAll(/export type (\w+)/g)].map(
    ([, name]) => name,
  ),
);
const interfaces = [...types.matchAll(/export interface (\w+) \{([^}]*)\}/g)].map(
  ([, name = "", body = ""]) => ({
    name,
    fields: [...body.matchAll(/(\w+)\?: ([^;]+);/g)].map(([, field = "", type = ""]) => ({ field, type })),
  }),
);
const PLAIN = new Set(["string", "number", "boolean", "bigint", "Node", "Node[]", "bigint[]", "string[]"]);
const rows: Readonly<Record<string, unknown>> = NODES;

const treeOf = (...nodes: object[]): ParseTree => ({ stmts: nodes.map((stmt) => ({ stmt: stmt as Node })) });

describe("the parse tree", () => {
  it("has a tag for every field that the grammar writes without one", () => {
    const reachable = interfaces.filter(({ name }) => rows[name] !== undefined && rows[name] !== "never");
    assert.ok(reachable.length > 150);
    for (const { name, fields } of reachable) {
      for (const { field, type } of fields) {
        if (PLAIN.has(type) || enums.has(type)) continue;
        // Filled in after parsing; the walker doubts it should it ever come.
        if (rows[type] === "never") continue;
        assert.equal(untaggedField(name as keyof typeof NODES, field), type, `${name}.${field}`);
      }
    }
  });

  it("has a row for every node kind of the grammar", () => {
    const union = types.slice(types.indexOf("export type Node"), types.indexOf("export interface"));
    const tags = [...union.matchAll(/^ {4}(\w+): \w+;$/gm)].map(([, tag]) => tag);
    assert.ok(tags.length > 250);
    assert.deepEqual(Object.keys(rows).sort(), tags.sort());
  });

  it("doubts a kind that is in no table, and still sees what stands below it", () => {
    const inner = { SelectStmt: { fromClause: [{ RangeVar: { relname: "secrets" } }], op: "SETOP_NONE" } };
    const request = analyse(treeOf({ BrandNewStmt: { somewhere: inner } }), "", session());
    assert.equal(described(request), "read: ?UNLISTED_SYNTAX, read public.secrets!");
  });

  it("doubts a kind that only comes after parsing", () => {
    assert.equal(described(analyse(treeOf({ Query: {} }), "", session())), "unknown: ?UNLISTED_SYNTAX");
  });

  it("doubts a field without a tag that the table does not name, and still sees what stands below it", () => {
    const select = {
      SelectStmt: {
        op: "SETOP_NONE",
        qualifyClause: { expr: { FuncCall: { funcname: [{ String: { sval: "leak" } }] } } },
      },
    };
    assert.equal(described(analyse(treeOf(select), "", session())), "read: ?UNLISTED_SYNTAX, fn public.leak");
  });

  it("is followed to its bound, and doubted below without ending the process", () => {
    const nested = (depth: number): object => {
      let node: object = { A_Const: { ival: {} } };
      for (let at = 0; at < depth; at++) node = { BoolExpr: { boolop: "NOT_EXPR", args: [node] } };
      return { SelectStmt: { targetList: [{ ResTarget: { val: node } }], op: "SETOP_NONE" } };
    };
    // Each NOT is a node, its fields and their list.
    const within = Math.floor(TREE_DEPTH_MAX / 3) - 5;
    assert.equal(described(analyse(treeOf(nested(within)), "", session())), "read:");
    for (const depth of [TREE_DEPTH_MAX, 100_000]) {
      assert.equal(described(analyse(treeOf(nested(depth)), "", session())), "unknown: ?TOO_DEEP");
    }
  });

  it("takes so many statements and no more", () => {
    const begin = { TransactionStmt: { kind: "TRANS_STMT_BEGIN" } };
    const many = (count: number) =>
      analyse(treeOf(...Array.from({ length: count }, () => begin)), "", session());
    assert.equal(many(STATEMENTS_MAX).statements.length, STATEMENTS_MAX);
    assert.equal(described(many(STATEMENTS_MAX + 1)), "unknown: ?TOO_MANY_STATEMENTS");
  });
});
