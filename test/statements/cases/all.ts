import type { StatementCase } from "./case.ts";
import { CODE } from "./code.ts";
import { COLLECTED } from "./collected.ts";
import { DEFINITIONS } from "./definitions.ts";
import { HOSTILE } from "./hostile.ts";
import { INNER_NAMES } from "./inner-names.ts";
import { LITERAL_CONDITIONS } from "./literals.ts";
import { NAMES } from "./names.ts";
import { READS } from "./reads.ts";
import { SESSION } from "./session.ts";
import { UNFILTERED } from "./unfiltered.ts";
import { WRITES } from "./writes.ts";

/** Every case by theme: the tests here judge them, the oracle runs those that only read. */
export const CASES: Readonly<Record<string, readonly StatementCase[]>> = {
  reads: READS,
  names: NAMES,
  unfiltered: UNFILTERED,
  collected: COLLECTED,
  "inner names": INNER_NAMES,
  literals: LITERAL_CONDITIONS,
  writes: WRITES,
  code: CODE,
  definitions: DEFINITIONS,
  session: SESSION,
  hostile: HOSTILE,
};
