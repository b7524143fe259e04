/** Pods: the gateway is put in when they are made, and what comes of that, and of every later change, is checked. */
import { randomInt } from "node:crypto";
import type { V1Pod } from "@kubernetes/client-node";
import { GATEWAY_UIDS, LABELS } from "../../names.ts";
import { originOf } from "../origin/origin.ts";
import { checkOrigin, stamp } from "../origin/stamp.ts";
import { check } from "../pod/check.ts";
import type { InjectionSettings, PodFacts, PodFinding, Rendering } from "../pod/contract.ts";
import { checkEphemeral, injectEphemeral } from "../pod/ephemeral.ts";
import { inject } from "../pod/inject.ts";
import { jsonPatch } from "../pod/json-patch.ts";
import { checkUpdate } from "../pod/update.ts";
import type { Review } from "../server/review.ts";
import type { Finding, Verdict } from "../server/verdict.ts";
import type { Webhook } from "../server/webhook.ts";
import { type GatherPods, type PodSurroundings, surroundingsOf } from "./surroundings.ts";

/** What newer replicas inject, while an upgrade replaces one after the other. */
export type NewerRenderings = () => Promise<readonly Rendering[]>;

export interface PodWebhookOptions extends GatherPods {
  readonly settings: InjectionSettings;
  readonly newer: NewerRenderings;
}

export function mutatePods({ settings, ...gather }: PodWebhookOptions): Webhook {
  return {
    isFor: (review) => isCreation(review) || isDebugging(review),
    judge: async (review, signal) => {
      const pod = podIn(review.object);
      const surroundings = await surroundingsOf(gather, pod, review, signal);
      if (isCreation(review)) return injected(review, pod, surroundings, settings);
      const debugged = injectEphemeral(pod, podIn(review.oldObject), surroundings.facts);
      return debugged.outcome === "refused" ? debugged : patched(pod, debugged.pod, []);
    },
  };
}

export function validatePods({ settings, newer, ...gather }: PodWebhookOptions): Webhook {
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
      const { facts } = await surroundingsOf(gather, pod, review, signal);
      return verdictOn(
        isCreation(review)
          ? [...(await checked(pod, facts)), ...checkOrigin(pod, review.userInfo)]
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

function injected(
  review: Review,
  pod: V1Pod,
  { facts, namespace }: PodSurroundings,
  settings: InjectionSettings,
): Verdict {
  const origin = originOf(review.userInfo);
  const unstamped: readonly PodFinding[] =
    origin.outcome === "read"
      ? []
      : [
          {
            field: "metadata.annotations",
            rule: "origin",
            message: origin.reason,
            fix: "Ask as another user.",
          },
        ];
  const result = inject(pod, facts, settings, randomInt(GATEWAY_UIDS.first, GATEWAY_UIDS.last + 1));
  const findings = [
    ...podSecurityFindings(facts.namespace, namespace),
    ...unstamped,
    ...(result.outcome === "refused" ? result.findings : []),
  ];
  if (findings.length > 0) return { outcome: "refused", findings, warnings: namespaceWarnings(namespace) };
  if (result.outcome === "refused" || origin.outcome === "refused")
    throw new TypeError("refused without a finding");
  const warnings = [...namespaceWarnings(namespace), ...userWarnings(pod, result.pod)];
  return patched(pod, stamp(result.pod, origin.origin), warnings);
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
