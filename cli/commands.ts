/** Every command of the program; a row here and a file beside it is all that one needs. */
import { explain } from "./explain.ts";
import type { CommandTable } from "./frame/run.ts";
import { lint } from "./lint.ts";
import { test } from "./test.ts";

export const commands = { lint, explain, test } satisfies CommandTable;
