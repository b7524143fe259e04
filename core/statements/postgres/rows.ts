/** Everything that may stand where rows come from: in FROM, in WITH, below COPY. */
import { selectRows } from "./queries.ts";
import { as, type Node } from "./tree.ts";
import type { Deed, Scope, Work } from "./work.ts";
import { deleteRows, insertRows, mergeRows, updateRows } from "./writes.ts";

/** Visits it and returns the reads that it hands on whole. */
export function rowsOf(work: Work, node: Node | undefined, scope: Scope): Deed[] {
  const select = as(node, "SelectStmt");
  if (select !== undefined) return selectRows(work, select, scope);
  const insert = as(node, "InsertStmt");
  if (insert !== undefined) return insertRows(work, insert, scope);
  const update = as(node, "UpdateStmt");
  if (update !== undefined) return updateRows(work, update, scope);
  const remove = as(node, "DeleteStmt");
  if (remove !== undefined) return deleteRows(work, remove, scope);
  const merge = as(node, "MergeStmt");
  if (merge !== undefined) return mergeRows(work, merge, scope);
  work.visit(node, scope);
  return [];
}
