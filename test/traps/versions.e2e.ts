/** The same traps on the versions between the oldest and the newest. */
import { describe } from "node:test";
import { onEveryTrap } from "./support/suites.ts";

for (const version of [16, 17] as const) describe(`PostgreSQL ${version}`, () => onEveryTrap(version));
