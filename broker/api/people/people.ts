/** What the broker has to know of people. `operator/broker/` answers for Kubernetes. */
import type { KeyObject } from "node:crypto";
import type { Right } from "#core/port/people.ts";
import type { Refusal } from "#core/values/refusal.ts";
import type { PodName } from "../../pods/pods.ts";

export interface Person {
  /** As the cluster knows them. */
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** What an exchange would find of a pod. */
export interface Examined {
  readonly uid: string;
  readonly findings: readonly {
    readonly field: string;
    readonly rule: string;
    readonly message: string;
    readonly fix: string;
  }[];
  /** Why nothing is given to it because of whose it is; absent where that is no reason. */
  readonly lineage?: Refusal;
}

/** In words for the one who asks. */
export interface Unknown {
  readonly problem: string;
}

export interface People {
  /** Whose key that is; it was proven that who dials has it. Rejects when it cannot be found out. */
  who(key: KeyObject, signal: AbortSignal): Promise<Person | Unknown>;
  /** Undefined when there is no such pod. Rejects when it cannot be found out. */
  examine(pod: PodName, signal: AbortSignal): Promise<Examined | undefined>;
  /** Rejects when it cannot be found out. */
  may(person: Person, right: Right, signal: AbortSignal): Promise<boolean>;
}
