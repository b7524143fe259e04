/** Every command of the program; a row here and a file beside it is all that one needs. */
import type { CommandTable } from "./frame/run.ts";
import { lint } from "./lint.ts";

export const commands = { lint } satisfies CommandTable;
