/** Pods: the gateway is put in when they are made, and what comes of that, and of every later change, is checked. */
import { randomInt } from "node:crypto";
import type { V1Pod } from "@kubernetes/client-node";
import { GATEWAY_UIDS, LABELS } from "../../names.ts";
import { type Attributed, type AttributionOptions, attributionOf, type Made } from "../origin/attribution.ts";
import { checkStamps, stamp } from "../origin/stamp.ts";
import { check } from "../pod/check.ts";
import type { InjectionSettings, PodFacts, PodFinding, Rendering } from "../pod/contract.ts";
import { checkEphemeral, injectEphemeral } from "../pod/ephemeral.ts";
import { inject } from "../pod/inject.ts";
import { jsonPatch } from "../pod/json-patch.ts";
import { checkUpdate } from "../pod/update.ts";
import type { Review } from "../server/review.ts";
import type { Finding, Verdict } from "../server/verdict.ts";
import type { Webhook } from "../server/webhook.ts";
import { asked, type GatherPods, type PodSurroundings, surroundingsOf } from "./surroundings.ts";

/** What newer replicas inject, while an upgrade replaces one after the other. */
export type NewerRenderings = () => Promise<readonly Rendering[]>;

export interface PodWebhookOptions extends GatherPods {
  readonly settings: InjectionSettings;
  readonly newer: NewerRenderings;
  readonly attribution: AttributionOptions;
}

export function mutatePods({ settings, attribution, ...gather }: PodWebhookOptions): Webhook {
  return {
    isFor: (review) => isCreation(review) || isDebugging(review),
    judge: async (review, signal) => {
      const pod = podIn(review.object);
      const [surroundings, attributed] = await Promise.all([
        surroundingsOf(gather, pod, review, signal),
        isCreation(review) ? attributionIn(attribution, review, signal) : undefined,
      ]);
      if (attributed !== undefined) return injected(pod, surroundings, attributed, settings);
      const debugged = injectEphemeral(pod, podIn(review.oldObject), surroundings.facts);
      return debugged.outcome === "refused" ? debugged : patched(pod, debugged.pod, []);
    },
  };
}

export function validatePods({ settings, newer, attribution, ...gather }: PodWebhookOptions): Webhook {
  /** A gateway that is not as ours is may be one that a newer replica has put in. */
  async function checked(pod: V1Pod, facts: PodFacts): Promise<readonly PodFinding[]> {
    const findings = check(pod, facts, settings);
    if (findings.every(({ rule }) => rule !== "gateway")) return findings;
    const former = [...(settings.former ?? []), ...(await newer())];
    return check(pod, facts, { ...settings, former });
  }
  return {
    isFor: (review) => isCreation(review) || isDebugging(review) || isChange(review),
    judge: async (review, signal) => {
      const pod = podIn(review.object);
      const [{ facts }, attributed] = await Promise.all([
        surroundingsOf(gather, pod, review, signal),
        isCreation(review) ? attributionIn(attribution, review, signal) : undefined,
      ]);
      return verdictOn(
        attributed !== undefined
          ? [...(await checked(pod, facts)), ...stampFindings(pod, attributed)]
          : isDebugging(review)
            ? checkEphemeral(pod, podIn(review.oldObject), facts)
            : checkUpdate(pod, podIn(review.oldObject), facts, settings),
      );
    },
  };
}

export function verdictOn(findings: readonly Finding[]): Verdict {
  return findings.length === 0 ? { outcome: "allowed" } : { outcome: "refused", findings };
}

const isPod = ({ group, resource }: Review): boolean => group === "" && resource === "pods";
const isCreation = (review: Review): boolean =>
  isPod(review) && review.subResource === "" && review.operation === "CREATE";
const isDebugging = (review: Review): boolean =>
  isPod(review) && review.subResource === "ephemeralcontainers" && review.operation === "UPDATE";
const isChange = (review: Review): boolean =>
  isPod(review) && ["", "resize"].includes(review.subResource) && review.operation === "UPDATE";

/** What the API server sends to be judged as a pod has passed its decoder: it has the members of one. */
function podIn(object: Review["object"]): V1Pod {
  if (object === undefined) throw new TypeError("a review of a pod has no pod in it");
  return object;
}

function attributionIn(
  attribution: AttributionOptions,
  { group, resource, namespace, userInfo, object = {} }: Review,
  signal: AbortSignal,
): Promise<Attributed> {
  const making = { group, plural: resource, namespace, userInfo, object: object as Made };
  return asked(() => attributionOf(attribution, making, signal));
}

function stampFindings(pod: V1Pod, attributed: Attributed): readonly PodFinding[] {
  return attributed.outcome === "refused" ? attributed.findings : checkStamps(pod, attributed.stamps);
}

function injected(
  pod: V1Pod,
  { facts, namespace }: PodSurroundings,
  attributed: Attributed,
  settings: InjectionSettings,
): Verdict {
  const result = inject(pod, facts, settings, randomInt(GATEWAY_UIDS.first, GATEWAY_UIDS.last + 1));
  const findings = [
    ...podSecurityFindings(facts.namespace, namespace),
    ...(attributed.outcome === "refused" ? attributed.findings : []),
    ...(result.outcome === "refused" ? result.findings : []),
  ];
  if (findings.length > 0) return { outcome: "refused", findings, warnings: namespaceWarnings(namespace) };
  if (result.outcome === "refused" || attributed.outcome === "refused")
    throw new TypeError("refused without a finding");
  const warnings = [...namespaceWarnings(namespace), ...userWarnings(pod, result.pod)];
  return patched(pod, stamp(result.pod, attributed.stamps), warnings);
}

function patched(before: V1Pod, after: V1Pod, warnings: readonly string[]): Verdict {
  return { outcome: "allowed", patch: jsonPatch(before, after), warnings };
}

/** The API server would refuse the injected pod, in words that name our container and not the reason why it is there. */
function podSecurityFindings(
  name: string,
  { podSecurity }: PodSurroundings["namespace"],
): readonly PodFinding[] {
  if (podSecurity === undefined) return [];
  return [
    {
      field: "metadata.namespace",
      rule: "pod-security",
      message: `namespace ${name} enforces the Pod Security level ${podSecurity.level}, which refuses every pod with gw-init, since that sets up the pod's network`,
      fix: `${podSecurity.remedy} (the operator holds agents' containers to the rules of level restricted itself)`,
    },
  ];
}

function namespaceWarnings({ rootlessUnknown }: PodSurroundings["namespace"]): readonly string[] {
  if (rootlessUnknown === undefined) return [];
  return [`the namespace's label ${LABELS.rootless}=${rootlessUnknown} is unknown, so deny holds`];
}

/** What surprises most: a process that runs as another user than its image says. */
function userWarnings(before: V1Pod, after: V1Pod): readonly string[] {
  const users = (pod: V1Pod): ReadonlyMap<string, number | undefined> =>
    new Map(
      [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map((container) => [
        container.name,
        container.securityContext?.runAsUser ?? pod.spec?.securityContext?.runAsUser,
      ]),
    );
  const now = users(after);
  return [...users(before)].flatMap(([name, user]) =>
    now.get(name) === user || !now.has(name)
      ? []
      : [`container ${name} says no user: it runs as uid ${now.get(name)}`],
  );
}
