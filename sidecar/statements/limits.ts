/** Bounds that both threads of the parser keep. */

/** WebAssembly memory never shrinks: an instance that grew past this is replaced. It starts at 128 MiB reserved. */
export const INSTANCE_BYTES_MAX = 192 * 1024 * 1024;
/** Of the tree as JSON: some five to ten times its text, and fifty times that of `select a,a,a,…`. */
export const TREE_CHARS_MAX = 8 * 1024 * 1024;
