/** What an agent of a pod is told to do, and what it answers. Times are of the clock that all processes share. */
export type Task =
  /** Sessions that stay, at the database as agents reach it. */
  | { readonly kind: "open"; readonly sessions: number }
  /** A statement in each of them that would take ten minutes. */
  | { readonly kind: "hang" }
  /** Answered when each of these statements has ended. */
  | { readonly kind: "ended" }
  /** By the agent itself. */
  | { readonly kind: "close" }
  /** Answered when each of the sessions is closed. */
  | { readonly kind: "closed" }
  /** A statement in each of them: what comes of it. */
  | { readonly kind: "ask" }
  /** One session after the other, until one has its answer. */
  | { readonly kind: "fresh" }
  /** The first way is to a relay of our own in the pod, others are names of Connections. */
  | {
      readonly kind: "compare";
      readonly password: string;
      readonly relay: { readonly port: number };
      readonly rounds: number;
      readonly openings: number;
    }
  /** How long names take. */
  | { readonly kind: "names"; readonly rounds: number };

export interface Ended {
  readonly atMs: number;
  /** A code of the server's or the gateway's; nothing where it was answered. */
  readonly code: string | undefined;
}
export interface Fresh {
  readonly atMs: number;
  readonly tries: number;
}
export interface Way {
  readonly name: string;
  readonly openingsMs: readonly number[];
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface Answers {
  readonly open: undefined;
  readonly hang: undefined;
  readonly close: undefined;
  readonly ended: readonly Ended[];
  readonly closed: readonly Ended[];
  readonly ask: readonly (string | undefined)[];
  readonly fresh: Fresh;
  readonly compare: readonly Way[];
  readonly names: readonly number[];
}

export interface Asked {
  readonly id: number;
  readonly task: Task;
}
export interface Answered {
  readonly id: number;
  readonly answer?: Answers[keyof Answers];
  readonly failed?: string;
}
