/** The form in which PostgreSQL keeps the query behind a view: what is read of it, and that nothing of it is trusted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { lineageOf } from "#sidecar/protocols/postgres/catalog/lineage.ts";
import { isNode, readTree, textOf, TreeUnreadable } from "#sidecar/protocols/postgres/catalog/node-tree.ts";

const nodeOf = (text: string) => {
  const value = readTree(text);
  assert.ok(isNode(value));
  return value;
};

test("fields are found by name, whatever else a field holds behind its first value", () => {
  const node = nodeOf("{CONST :constlen 4 :constvalue 4 [ 1 0 0 0 ] :location <> :list (i 1 2)}");
  assert.equal(node.tag, "CONST");
  assert.equal(textOf(node, "constlen"), "4");
  assert.equal(textOf(node, "constvalue"), "4");
  assert.equal(node.fields.get("location"), undefined);
  assert.deepEqual(node.fields.get("list"), ["i", "1", "2"]);
});

test("a name that looks like a field, a bracket or a space is a name", () => {
  const node = nodeOf(String.raw`{ALIAS :aliasname :relid :colnames ("a\ \{b" :x) :relid 7}`);
  assert.equal(textOf(node, "aliasname"), ":relid");
  assert.deepEqual(node.fields.get("colnames"), ['"a {b"', ":x"]);
  assert.equal(textOf(node, "relid"), "7");
});

const VIEW =
  "({QUERY :rtable ({RANGETBLENTRY :rtekind 0 :relid 16385}) :targetList (" +
  "{TARGETENTRY :expr {VAR :varno 1 :varattno 2 :varlevelsup 0} :resno 1 :resjunk false} " +
  "{TARGETENTRY :expr {VAR :varno 1 :varattno 3 :varlevelsup 0} :resno 2 :resjunk true}) :setOperations <>})";

test("what is there for ORDER BY alone is no column", () => {
  assert.deepEqual(lineageOf(VIEW), new Map([[1, [{ relation: 16385, column: 2 }]]]));
});

test("a tree cut at any character is not read", () => {
  for (let cut = 0; cut < VIEW.length; cut += 1)
    assert.equal(lineageOf(VIEW.slice(0, cut)), undefined, `${cut}`);
  assert.equal(lineageOf(`${VIEW} more`), undefined);
});

test("a column that belongs to nothing makes all of it unreadable", () => {
  assert.equal(lineageOf(VIEW.replace(":varno 1", ":varno 2")), undefined);
  assert.equal(lineageOf(VIEW.replace(":varlevelsup 0", ":varlevelsup 1")), undefined);
  assert.equal(lineageOf(VIEW.replace(":rtekind 0", ":rtekind 99")), undefined);
  assert.equal(lineageOf(VIEW.replace(":varattno 2 ", "")), undefined);
});

test("nesting without end is given up", () => {
  assert.throws(() => readTree("(".repeat(100_000)), TreeUnreadable);
  assert.throws(() => readTree("{A :b ".repeat(100_000)), TreeUnreadable);
});
