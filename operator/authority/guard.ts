/**
 * Keeps our webhook configurations as they shall be: fills in `caBundle`, takes back what somebody changed, makes anew what
 * somebody deleted. Only the leader does; every replica sees whether they are intact.
 *
 * The chart owns them. What is deleted while the chart is being uninstalled must not come back to stay: what we make anew belongs
 * to a ClusterRole of the chart, and goes with it (decision 0026).
 */
import { isDeepStrictEqual } from "node:util";
import { isOfRegistered } from "./registered.ts";
import type { ConfigurationKind, RegisteredWebhook, WebhookConfiguration } from "../config/settings.ts";
import type { Kube, PatchOperation } from "../kube/client.ts";
import type { Reconciler } from "../kube/controller.ts";
import {
  MUTATING_WEBHOOKS,
  type ObjectKey,
  type OwnerReference,
  type Resource,
  VALIDATING_WEBHOOKS,
} from "../kube/resource.ts";

export const CONFIGURATION_RESOURCES = {
  MutatingWebhookConfiguration: MUTATING_WEBHOOKS,
  ValidatingWebhookConfiguration: VALIDATING_WEBHOOKS,
} as const satisfies Record<ConfigurationKind, Resource>;

/** What was not as it should be, by its name in metrics and events. */
export type Damage = "caBundle" | "changed" | "deleted" | "registered";

export interface GuardOptions {
  readonly kube: Kube;
  /** As they shall be at this moment. Throws while that is not known. */
  readonly desired: () => readonly WebhookConfiguration[];
  /** Undefined: there is no authority yet. */
  readonly caBundle: () => string | undefined;
  /** Undefined: it is not there, so the chart is being uninstalled. */
  readonly owner: (signal: AbortSignal) => Promise<OwnerReference | undefined>;
  readonly monotonicMs: () => number;
  readonly onRestored: (configuration: WebhookConfiguration, damage: Damage) => void;
}

export type GuardWorld =
  | {
      readonly state: "there";
      readonly live: WebhookConfiguration;
      /** Its webhooks as the API server would store ours, defaults included. */
      readonly wanted: readonly RegisteredWebhook[];
    }
  | {
      readonly state: "missing";
      readonly desired: WebhookConfiguration;
      readonly owner: OwnerReference | undefined;
      readonly missingForMs: number;
    };

export type GuardAction =
  | {
      readonly kind: "restore";
      readonly damage: Damage;
      readonly configuration: WebhookConfiguration;
      readonly operations: readonly PatchOperation[];
    }
  | { readonly kind: "create"; readonly configuration: WebhookConfiguration };

/** An uninstallation takes the configurations away first and us right after; by then we are told to end. */
export const MISSING_MS = 10_000;

/** Keys are `kind/name`. */
export function guardReconciler(options: GuardOptions): Reconciler<GuardWorld, GuardAction> {
  const missingSinceMs = new Map<ObjectKey, number>();

  async function observe(key: ObjectKey, signal: AbortSignal): Promise<GuardWorld | undefined> {
    const caBundle = options.caBundle();
    const plain = options.desired().find((each) => guardKey(each) === key);
    if (plain === undefined || caBundle === undefined) return undefined;
    const desired = withBundle(plain, caBundle);
    const resource = resourceOf(desired);
    const live = await options.kube.get(resource, desired.metadata.name, { signal });
    if (live === undefined) {
      const nowMs = options.monotonicMs();
      const sinceMs = missingSinceMs.get(key) ?? nowMs;
      missingSinceMs.set(key, sinceMs);
      return { state: "missing", desired, owner: await options.owner(signal), missingForMs: nowMs - sinceMs };
    }
    missingSinceMs.delete(key);
    const { name, resourceVersion } = live.metadata;
    // Asked of the API server, which alone knows what it adds: whatever is beyond that was added by somebody else.
    const stored = await options.kube.update(
      resource,
      { ...desired, metadata: { name, ...(resourceVersion === undefined ? {} : { resourceVersion }) } },
      { signal, dryRun: true },
    );
    return { state: "there", live, wanted: stored.webhooks };
  }

  async function apply(action: GuardAction, signal: AbortSignal): Promise<void> {
    const { configuration } = action;
    const resource = resourceOf(configuration);
    if (action.kind === "create") await options.kube.create(resource, configuration, { signal });
    else await options.kube.patch(resource, configuration.metadata.name, action.operations, { signal });
    options.onRestored(configuration, action.kind === "create" ? "deleted" : action.damage);
  }
  return { name: "webhook-configurations", observe, plan: planGuard, apply };
}

export function planGuard(world: GuardWorld): {
  readonly actions: readonly GuardAction[];
  readonly againAfterMs?: number;
} {
  if (world.state === "there") return { actions: restoring(world.live, world.wanted) };
  const { desired, owner, missingForMs } = world;
  if (missingForMs < MISSING_MS) return { actions: [], againAfterMs: MISSING_MS - missingForMs };
  if (owner === undefined) return { actions: [], againAfterMs: MISSING_MS };
  const metadata = { ...desired.metadata, ownerReferences: [owner] };
  return { actions: [{ kind: "create", configuration: { ...desired, metadata } }] };
}

export function guardKey({ kind, metadata }: WebhookConfiguration): ObjectKey {
  return `${kind}/${metadata.name}`;
}

/** Only what is not as it should be is written, so that no more than that becomes ours in the eyes of server-side apply. */
function restoring(live: WebhookConfiguration, wanted: readonly RegisteredWebhook[]): readonly GuardAction[] {
  if (isDeepStrictEqual(live.webhooks, wanted)) return [];
  const unchanged: PatchOperation = {
    op: "test",
    path: "/metadata/resourceVersion",
    value: live.metadata.resourceVersion,
  };
  const chartsOwn = (webhooks: readonly RegisteredWebhook[]): readonly RegisteredWebhook[] =>
    webhooks.filter((webhook) => !isOfRegistered(webhook));
  // Controllers were registered, or are no more: nobody has done anything to it.
  if (isDeepStrictEqual(chartsOwn(live.webhooks), chartsOwn(wanted)))
    return [
      {
        kind: "restore",
        damage: "registered",
        configuration: live,
        operations: [unchanged, ...registering(live.webhooks, wanted)],
      },
    ];
  const isOnlyBundle = isDeepStrictEqual(withoutBundles(live.webhooks), withoutBundles(wanted));
  const operations: readonly PatchOperation[] = isOnlyBundle
    ? wanted.map(({ clientConfig }, at) => ({
        op: "add",
        path: `/webhooks/${at}/clientConfig/caBundle`,
        value: clientConfig.caBundle,
      }))
    : [{ op: "replace", path: "/webhooks", value: wanted }];
  const damage = isOnlyBundle ? "caBundle" : "changed";
  return [{ kind: "restore", damage, configuration: live, operations: [unchanged, ...operations] }];
}

/** The last first, so that the places of the others stay. */
function registering(
  live: readonly RegisteredWebhook[],
  wanted: readonly RegisteredWebhook[],
): readonly PatchOperation[] {
  const gone = [...live.entries()].filter(([, webhook]) => isOfRegistered(webhook)).toReversed();
  return [
    ...gone.map(([at]): PatchOperation => ({ op: "remove", path: `/webhooks/${at}` })),
    ...wanted
      .filter(isOfRegistered)
      .map((value): PatchOperation => ({ op: "add", path: "/webhooks/-", value })),
  ];
}

function withBundle(configuration: WebhookConfiguration, caBundle: string): WebhookConfiguration {
  const webhooks = configuration.webhooks.map((webhook) => ({
    ...webhook,
    clientConfig: { ...webhook.clientConfig, caBundle },
  }));
  return { ...configuration, webhooks };
}

function withoutBundles(webhooks: readonly RegisteredWebhook[]): readonly object[] {
  return webhooks.map(({ clientConfig, ...rest }) => ({
    ...rest,
    clientConfig: { ...clientConfig, caBundle: undefined },
  }));
}

/** Both kinds have the members that we look at. */
function resourceOf({ kind }: WebhookConfiguration): Resource<WebhookConfiguration> {
  return CONFIGURATION_RESOURCES[kind] as Resource<WebhookConfiguration>;
}
