/** Where the program of the broker stands. */
export const BROKER_PROGRAM = new URL("./broker-worker.ts", import.meta.url);
