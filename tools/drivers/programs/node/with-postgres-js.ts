/** postgres.js, unchanged. */
import { run, versionOf } from "./common.ts";
import { asking } from "./postgres-js-asking.ts";
import { connecting } from "./postgres-js-connecting.ts";
import { ending } from "./postgres-js-ending.ts";
import { moving } from "./postgres-js-moving.ts";

await run(`postgres ${versionOf("postgres")}`, { ...connecting, ...asking, ...moving, ...ending });
