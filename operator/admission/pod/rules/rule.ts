/** What a rule about pods is: one thing that a pod must not have, or must have, why, and what its author does about it. */
import type { PodView } from "../view.ts";

export interface Found {
  readonly field: string;
  readonly message: string;
  /** Where something better than the rule's own can be said. */
  readonly fix?: string;
}

export interface PodRule {
  /** One line, for the table in docs/pod-shape.md. */
  readonly title: string;
  readonly why: string;
  /** What to write instead, as a sentence. */
  readonly fix: string;
  /** `refused`: the author has to act. `forced`: injecting sees to it; the rule finds what was undone afterwards. */
  readonly remedy: "refused" | "forced";
  readonly find: (view: PodView) => readonly Found[];
  /**
   * YAML fragments of a pod, laid over the smallest one: what the rule finds, and its twin that no rule has anything to say about.
   * `facts:` beside `spec:` and `metadata:` says what is known of its surroundings.
   */
  readonly wrong: string;
  readonly right: string;
}
