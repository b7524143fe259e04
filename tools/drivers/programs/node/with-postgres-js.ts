/** postgres.js, unchanged. */
import { run, versionOf } from "./common.ts";
import { asking } from "./postgres-js-asking.ts";
import { connecting } from "./postgres-js-connecting.ts";
import { ending } from "./postgres-js-ending.ts";
import { moving } from "./postgres-js-moving.ts";

// 3.4.9 writes on after its socket has gone, where nobody can catch it.
process.on("uncaughtException", (error: Error) => {
  if (error.message !== "Cannot read properties of null (reading 'write')") throw error;
});

await run(`postgres ${versionOf("postgres")}`, { ...connecting, ...asking, ...moving, ...ending });
