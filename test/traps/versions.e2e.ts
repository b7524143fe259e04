/** All traps on every version but the newest, which `make test` has. */
import { describe } from "node:test";
import { onTraps } from "./support/suites.ts";

for (const version of [15, 16, 17] as const) describe(`PostgreSQL ${version}`, () => onTraps(version, "all"));
