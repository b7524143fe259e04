/** Bounds that both threads of the parser keep. */

/** WebAssembly memory never shrinks: an instance that grew past this is replaced. It starts at 128 MiB reserved. */
export const INSTANCE_BYTES_MAX = 192 * 1024 * 1024;
/** The tree is some five to ten times its text. */
export const TREE_CHARS_MAX = 8 * 1024 * 1024;
