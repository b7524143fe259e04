/** Where replicas keep what they share of their authority: in a cluster a Secret that only they read. */
import type { AuthorityRecord } from "./record.ts";

export interface StoredAuthority {
  readonly record: AuthorityRecord;
  /** Of what was read; opaque. */
  readonly version: string;
}

export interface AuthorityStore {
  /** Undefined when there is none. Throws when it cannot be asked, or when what is there cannot be used. */
  load(signal: AbortSignal): Promise<StoredAuthority | undefined>;
  /** False when another one has stored in between: then it is to be loaded again. */
  store(
    record: AuthorityRecord,
    replacing: StoredAuthority | undefined,
    signal: AbortSignal,
  ): Promise<boolean>;
}
