/** What the server asks of a webhook. Each is a pure judgement over facts that it gathers first. */
import type { Review } from "./review.ts";
import type { Verdict } from "./verdict.ts";

export interface Webhook {
  /** Whether it is meant for this: a review of anything else is refused, never let through unread. */
  readonly isFor: (review: Review) => boolean;
  readonly judge: (review: Review, signal: AbortSignal) => Promise<Verdict>;
}

export const WEBHOOK_PATHS = {
  mutatePods: "/mutate/pods",
  mutateWorkloads: "/mutate/workloads",
  validatePods: "/validate/pods",
  validateWorkloads: "/validate/workloads",
  validateKinds: "/validate/kinds",
} as const;
export type WebhookName = keyof typeof WEBHOOK_PATHS;

/** The API server could not be asked for what a judgement needs. */
export class ClusterUnavailable extends Error {}
