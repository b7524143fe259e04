/** Kubernetes, as far as the broker asks it. */
import type { ApiTokens, Cluster, PodClaim } from "#broker/pods/pods.ts";
import { type Refusal, type RefusalCode, refusal } from "#core/values/refusal.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import type { WriterFacts } from "../admission/facts/writers.ts";
import type { InjectionSettings } from "../admission/pod/contract.ts";
import type { Call, Kube } from "../kube/client.ts";
import { KubeError } from "../kube/error.ts";
import { requestApiToken } from "./api-token.ts";
import { livePod } from "./live-pod.ts";
import { type Pins, openPins } from "./pins.ts";
import { readSecret } from "./secrets.ts";
import { reviewToken } from "./token-review.ts";

export interface ClusterOptions {
  readonly kube: Kube;
  /** The broker's own. */
  readonly namespace: string;
  /** With which pods are made, by which they are checked. */
  readonly injection: InjectionSettings;
  readonly writers: WriterFacts;
  readonly log: Log;
}

export interface KubernetesCluster extends Cluster, ApiTokens {
  readonly pins: Pick<Pins, "sweep">;
}

/** A gateway waits for the answer, and a client for the gateway. */
const DEADLINE_MS = 3_000;

export function kubernetesCluster({
  kube,
  namespace,
  injection,
  writers,
  log,
}: ClusterOptions): KubernetesCluster {
  const pins = openPins({
    kube,
    namespace,
    onRefused: (claim) => log.warn("another key asked to speak for a pod", fieldsOf(claim)),
  });
  const source = {
    kube,
    writers,
    injection,
    onUntrusted: (claim: PodClaim, findings: readonly { readonly field: string; readonly rule: string }[]) =>
      log.warn("a pod is not as it was admitted", {
        ...fieldsOf(claim),
        findings: findings.map(({ field, rule }) => `${rule}: ${field}`).join("; "),
      }),
  };

  /** What cannot be found out refuses: it is tried again by whoever asked. */
  async function asked<Answer>(
    code: RefusalCode,
    signal: AbortSignal,
    ask: (call: Call) => Promise<Answer>,
  ): Promise<Answer | Refusal> {
    try {
      return await ask({ signal, deadlineMs: DEADLINE_MS });
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      log.warn("the API server could not be asked", errorFields(error));
      return refusal(code);
    }
  }

  return {
    pins,
    review: (token, signal) => asked("IDENTITY_UNCHECKED", signal, (call) => reviewToken(kube, token, call)),
    inspect: (claim, signal) => asked("POD_UNCHECKED", signal, (call) => livePod(source, claim, call)),
    pin: (pod, keyHash, signal) => asked("POD_UNCHECKED", signal, (call) => pins.pin(pod, keyHash, call)),
    pinned: (uid, signal) => asked("POD_UNCHECKED", signal, (call) => pins.pinned(uid, call)),
    apiToken: (wanted, signal) => requestApiToken(kube, wanted, { signal, deadlineMs: DEADLINE_MS }),
    secret: (wanted, signal) => readSecret(kube, wanted, { signal, deadlineMs: DEADLINE_MS }),
  };
}

function fieldsOf({ namespace, name, uid, nodeName }: PodClaim) {
  return { pod: `${namespace}/${name}`, uid, node: nodeName };
}
