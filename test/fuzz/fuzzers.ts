/** All fuzzers. */
import type { Fuzzer } from "./fuzzer.ts";
import { edits } from "./edits/edits.ts";
import { differential } from "./differential/differential.ts";
import { logins } from "./logins/logins.ts";
import { mirror } from "./mirror/mirror.ts";
import { tampering } from "./tampering/tampering.ts";

/** A case that is kept as a file, and played again by the tests. */
export interface KeptCase {
  readonly fuzzer: string;
  /** It shows only while this defect is planted. */
  readonly defect?: string;
  readonly why: string;
  readonly case: unknown;
}

/** Each plays cases of its own making only. */
const any = <Case>(fuzzer: Fuzzer<Case>): Fuzzer<unknown> => fuzzer;

export const FUZZERS: readonly Fuzzer<unknown>[] = [
  any(mirror),
  any(edits),
  any(tampering),
  any(logins),
  any(differential),
];
