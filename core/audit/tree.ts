/**
 * The Merkle tree over all leaves in their stored order (RFC 6962, section 2.1), kept as its peaks: the roots of the
 * full subtrees that the number of leaves is the sum of. That is all one needs to append and to name the root.
 */
import { createHash } from "node:crypto";
import { sha256 } from "./sha256.ts";

export interface Tree {
  readonly leaves: number;
  /** Largest subtree first: one for each 1 in the binary form of `leaves`. */
  readonly peaks: readonly Uint8Array[];
}

export const EMPTY_TREE: Tree = { leaves: 0, peaks: [] };

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

export function leafHash(leaf: Uint8Array): Uint8Array {
  return sha256(LEAF_PREFIX, leaf);
}

export function withLeaf(tree: Tree, hash: Uint8Array): Tree {
  return withLeaves(tree, [hash]);
}

export function withLeaves(tree: Tree, hashes: readonly Uint8Array[]): Tree {
  const peaks = [...tree.peaks];
  let { leaves } = tree;
  for (const hash of hashes) {
    let peak = hash;
    // Each trailing 1 of the old count is a full subtree of the size that the new one has grown to.
    for (let rest = leaves; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      const left = peaks.pop();
      if (left === undefined) throw new RangeError("the tree has fewer peaks than its size needs");
      peak = nodeHash(left, peak);
    }
    peaks.push(peak);
    leaves += 1;
  }
  return { leaves, peaks };
}

export function treeRoot(tree: Tree): Uint8Array {
  const [last, ...above] = [...tree.peaks].reverse();
  if (last === undefined) return createHash("sha256").digest();
  return above.reduce((right, left) => nodeHash(left, right), last);
}

/** Whether as many peaks are there as the size has ones: what is read from a file has to be asked. */
export function isTree(tree: Tree): boolean {
  let ones = 0;
  for (let rest = tree.leaves; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2;
  return ones === tree.peaks.length;
}

function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE_PREFIX, left, right);
}
