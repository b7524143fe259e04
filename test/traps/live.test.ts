/** The traps of the protocol, each on a real server. One server of each version for all of them. */
import { describe } from "node:test";
import { onEveryTrap } from "./support/suites.ts";

for (const version of [15, 18] as const) describe(`PostgreSQL ${version}`, () => onEveryTrap(version));
