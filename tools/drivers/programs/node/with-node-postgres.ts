/** node-postgres and its companions, unchanged. */
import { run, versionOf } from "./common.ts";
import { asking } from "./pg-asking.ts";
import { connecting } from "./pg-connecting.ts";
import { ending } from "./pg-ending.ts";
import { moving } from "./pg-moving.ts";

const companions = ["pg-cursor", "pg-query-stream", "pg-copy-streams"].map(
  (name) => `${name} ${versionOf(name)}`,
);

await run(`pg ${versionOf("pg")} (${companions.join(", ")})`, {
  ...connecting,
  ...asking,
  ...moving,
  ...ending,
});
