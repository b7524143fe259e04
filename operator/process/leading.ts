/** What only one replica does: write conditions and owned objects, and keep the webhook configurations. */
import type { Log } from "#runtime/log.ts";
import { bundleOf } from "../authority/bundle.ts";
import { AUTHOR_POLICIES } from "../admission/origin/policies.ts";
import type { Registry } from "../admission/origin/registry.ts";
import type { Authority } from "../authority/authority.ts";
import { type Damage, guardKey, guardReconciler } from "../authority/guard.ts";
import { ownerOf } from "../authority/owner.ts";
import { withRegistered } from "../authority/registered.ts";
import type { OperatorSettings, WebhookConfiguration } from "../config/settings.ts";
import type { DesiredWatch } from "../desired/watch.ts";
import type { Kube } from "../kube/client.ts";
import type { Clock } from "../kube/clock.ts";
import { type Trigger, runController } from "../kube/controller.ts";
import type { EventRecorder } from "../kube/events.ts";
import { fenced } from "../kube/fence.ts";
import type { Term } from "../kube/lease.ts";
import type { KubeMeters } from "../kube/metrics.ts";
import {
  CONFIG_MAPS,
  type KubeObject,
  LEASES,
  NETWORK_POLICIES,
  type Resource,
  ROLE_BINDINGS,
  VALIDATING_POLICIES,
  VALIDATING_POLICY_BINDINGS,
} from "../kube/resource.ts";
import { AUTHORITY_CONFIG_MAP } from "../names.ts";
import { REPORT_SELECTOR } from "../broker/report.ts";
import { authorPoliciesReconciler, authorPoliciesTrigger } from "../reconcile/author-policies.ts";
import { controllers } from "../reconcile/controllers.ts";
import { BY_NAMESPACE } from "../reconcile/namespace.ts";
import { MANAGED_SELECTOR } from "../reconcile/owned.ts";
import { type FollowOptions, type Stores, follow } from "./stores.ts";

export interface LeadingOptions {
  readonly settings: OperatorSettings;
  readonly kube: Kube;
  readonly stores: Stores;
  /** Older than the term, so that a new leader knows the last good version of what is broken by now. */
  readonly desired: DesiredWatch;
  readonly authority: Authority;
  /** Of controllers. Throws while it is not known. */
  readonly registry: () => Registry;
  readonly events: EventRecorder;
  readonly meters: KubeMeters;
  readonly onRestored: (configuration: WebhookConfiguration, damage: Damage) => void;
  /** By which it is told how long something is missing. */
  readonly clock: Clock;
  readonly log: Log;
}

/** Resolves when the term is over and nothing acts any more. */
export async function lead(options: LeadingOptions, term: Term): Promise<void> {
  const { settings, stores, desired, events, meters, log } = options;
  const { signal } = term;
  const kube = fenced(options.kube, term);
  const following = { kube, meters, log, signal };
  const indexes = { [BY_NAMESPACE]: namespaceOf };
  const owned = { labelSelector: MANAGED_SELECTOR, indexes };
  const reported = { namespace: settings.namespace, labelSelector: REPORT_SELECTOR };
  const authority = { fieldSelector: `metadata.name=${AUTHORITY_CONFIG_MAP.name}`, indexes };
  using controlled = controllers({
    stores: {
      kinds: stores.kinds,
      namespaces: stores.namespaces.store,
      roleBindings: follow(ROLE_BINDINGS, { name: "rolebindings", ...owned }, following).store,
      networkPolicies: follow(NETWORK_POLICIES, { name: "networkpolicies", ...owned }, following).store,
      reports: follow(LEASES, { name: "reports", ...reported }, following).store,
      authorities: follow(CONFIG_MAPS, { name: "configmaps", ...authority }, following).store,
    },
    desired,
    owner: {
      systemNamespace: settings.namespace,
      networkPolicy: settings.networkPolicy.enabled,
      metricsFrom: settings.networkPolicy.metricsFromNamespaces,
    },
    kube,
    events,
  });
  const { kinds, namespaces } = controlled;
  const running = { log, signal };
  await Promise.all([
    ...kinds.map((each) =>
      runController({ ...each, ...running, meter: meters.controller(each.reconciler.name) }),
    ),
    runController({ ...namespaces, ...running, meter: meters.controller(namespaces.reconciler.name) }),
    guard(options, kube, signal),
    policies(options, following),
  ]);
}

function guard(options: LeadingOptions, kube: Kube, signal: AbortSignal): Promise<void> {
  const { settings, stores, authority, events, meters, clock, log } = options;
  const { configurations, owner } = settings.webhook;
  const reconciler = guardReconciler({
    kube,
    desired: () => configurations.map((each) => withRegistered(each, options.registry())),
    caBundle: () => bundleOf(authority.record),
    owner: (lookUp) => ownerOf(kube, owner, { signal: lookUp }),
    monotonicMs: () => clock.monotonicMs(),
    onRestored: (configuration, damage) => {
      options.onRestored(configuration, damage);
      log.warn("a webhook configuration was put right", { configuration: guardKey(configuration), damage });
      events.record({
        regarding: configuration,
        // What we fill in ourselves, at installation and rotation, is no alarm.
        type: damage === "caBundle" || damage === "registered" ? "Normal" : "Warning",
        reason: "WebhookConfigurationRestored",
        action: "Restore",
        note: NOTES[damage],
      });
    },
  });
  return runController({
    reconciler,
    triggers: [configurationsTrigger(configurations, stores, authority)],
    workers: 1,
    clock,
    meter: meters.controller(reconciler.name),
    log,
    signal,
  });
}

/** Also when they are not as they should be: in that of the term, since nobody else writes them. */
function policies(
  { settings, stores, registry, meters }: LeadingOptions,
  following: FollowOptions,
): Promise<void> {
  const { kube, log, signal } = following;
  const reconciler = authorPoliciesReconciler({
    kube,
    registry,
    systemNamespace: settings.namespace,
    owner: (lookUp) => ownerOf(kube, settings.webhook.owner, { signal: lookUp }),
  });
  const kept = AUTHOR_POLICIES.flatMap((name) =>
    [VALIDATING_POLICIES, VALIDATING_POLICY_BINDINGS].map((resource: Resource) => {
      const selection = { name: `${resource.plural}/${name}`, fieldSelector: `metadata.name=${name}` };
      return follow(resource, selection, following).store;
    }),
  );
  const { kinds, namespaces } = stores;
  return runController({
    reconciler,
    triggers: [authorPoliciesTrigger([kinds.WorkloadController, namespaces.store, ...kept])],
    workers: 1,
    meter: meters.controller(reconciler.name),
    log,
    signal,
  });
}

const NOTES = {
  caBundle: "caBundle was filled in with the operator's certificate authority",
  changed: "Somebody had changed it; it is again as the chart has it",
  deleted: "Somebody had deleted it; it was made anew",
  registered: "It has the kinds of the controllers that are registered",
} as const satisfies Record<Damage, string>;

/** All of them, whenever anything changes about any: one that is not there has no store that could name it. */
function configurationsTrigger(
  configurations: readonly WebhookConfiguration[],
  stores: Stores,
  authority: Authority,
): Trigger {
  const keys = configurations.map(guardKey);
  const registry = [stores.kinds.WorkloadController, stores.namespaces.store];
  const followed = [...stores.configurations.map(({ store }) => store), ...registry];
  return {
    synced: async (signal) => {
      await Promise.all(followed.map((store) => store.synced(signal)));
    },
    all: () => keys,
    subscribe: (enqueue) => {
      const enqueueAll = (): void => keys.forEach(enqueue);
      const stops = [authority.onChange(enqueueAll), ...followed.map((store) => store.onChange(enqueueAll))];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

function namespaceOf({ metadata }: KubeObject): readonly string[] {
  return metadata.namespace === undefined ? [] : [metadata.namespace];
}
