/** The webhooks that stamp kinds of registered controllers: beside the chart's, which know the built-in kinds alone. */
import { customKinds, type Registry } from "../admission/origin/registry.ts";
import type { RegisteredWebhook, WebhookConfiguration } from "../config/settings.ts";

const OF_WORKLOADS = "workloads.";
const OF_REGISTERED = "registered.";

/** The same as for workloads, for other kinds. As an entry of its own, so that an upgrade of the chart leaves it alone. */
export function withRegistered(
  configuration: WebhookConfiguration,
  registry: Registry,
): WebhookConfiguration {
  const kinds = customKinds(registry);
  if (kinds.length === 0) return configuration;
  const rules = kinds.map(({ group, version, plural }) => ({
    apiGroups: [group],
    apiVersions: [version],
    operations: ["CREATE", "UPDATE"],
    resources: [plural],
    scope: "Namespaced",
  }));
  const added = configuration.webhooks
    .filter(({ name }) => name.startsWith(OF_WORKLOADS))
    .map((webhook) => ({ ...webhook, name: webhook.name.replace(OF_WORKLOADS, OF_REGISTERED), rules }));
  return { ...configuration, webhooks: [...configuration.webhooks, ...added] };
}

export const isOfRegistered = ({ name }: RegisteredWebhook): boolean => name.startsWith(OF_REGISTERED);
