/** Where the program of a data plane worker stands, and how Node is to run it. */
export const WORKER_PROGRAM = new URL("./sidecar-worker.ts", import.meta.url);
/** The parser's WebAssembly without its optimised code: a third less memory, for microseconds a statement. */
export const WORKER_NODE_FLAGS: readonly string[] = ["--liftoff-only"];
