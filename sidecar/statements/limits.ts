/** Bounds that both threads of the parser keep. */

/** WebAssembly memory never shrinks: an instance that grew past this is replaced. It starts at 128 MiB reserved. */
export const INSTANCE_BYTES_MAX = 192 * 1024 * 1024;
/**
 * Of the tree as JSON: some five to ten times its text, and fifty times that of `select a,a,a,…`. In memory, in both threads together,
 * a tree takes some twenty times as much for a moment.
 */
export const TREE_CHARS_MAX = 8 * 1024 * 1024;
const TREE_CHARS_MIN = 1024 * 1024;
/** So that a tree takes a third of the memory at most. */
const MEMORY_PER_TREE_CHAR = 64;

/** What a process may take of memory, as its control group says it; 0, and more than there is, where it says nothing. */
export function treeCharsMaxIn(memoryBytes: number): number {
  if (memoryBytes <= 0) return TREE_CHARS_MAX;
  const share = Math.floor(memoryBytes / MEMORY_PER_TREE_CHAR);
  return Math.min(TREE_CHARS_MAX, Math.max(TREE_CHARS_MIN, share));
}
