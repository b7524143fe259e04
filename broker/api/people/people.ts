/** What the broker has to know of people. `operator/broker/` answers for Kubernetes. */
import type { KeyObject } from "node:crypto";
import type { Right } from "#core/port/people.ts";

export interface Person {
  /** As the cluster knows them. */
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** In words for the one who asks. */
export interface Unknown {
  readonly problem: string;
}

export interface People {
  /** Whose key that is; it was proven that who dials has it. Rejects when it cannot be found out. */
  who(key: KeyObject, signal: AbortSignal): Promise<Person | Unknown>;
  /** Rejects when it cannot be found out. */
  may(person: Person, right: Right, signal: AbortSignal): Promise<boolean>;
}
