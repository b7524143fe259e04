/** Every webhook there is. The chart registers them; WEBHOOK_PATHS says where. */
import type { NamedKinds } from "../kinds/neighbours.ts";
import type { Webhook, WebhookName } from "../server/webhook.ts";
import { validateKinds } from "./kinds.ts";
import { type PodWebhookOptions, mutatePods, validatePods } from "./pods.ts";
import { mutateWorkloads, validateWorkloads } from "./workloads.ts";

export interface WebhooksOptions extends PodWebhookOptions {
  readonly kinds: NamedKinds;
}

export function webhooks(options: WebhooksOptions): Readonly<Record<WebhookName, Webhook>> {
  return {
    mutatePods: mutatePods(options),
    mutateWorkloads: mutateWorkloads(options),
    validatePods: validatePods(options),
    validateWorkloads: validateWorkloads(options),
    validateKinds: validateKinds(options.kinds),
  };
}
