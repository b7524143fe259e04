/** The world of a model: what a pod is said to be is set by hand. */
import { randomUUID } from "node:crypto";
import type { Cluster, LivePod, PodClaim } from "#broker/pods/pods.ts";
import { type Refusal, type RefusalCode, refusal } from "#core/values/refusal.ts";
import { ClusterModel, type ModelPod, ROOTED, livePod } from "#test/broker/support/cluster-model.ts";
import { POD_DENIALS, type PodDenial, type World } from "./denials.ts";
import type { Rig } from "./rig.ts";
import { type Enrolled, enrolled } from "./subject.ts";

export class TroubledCluster extends ClusterModel implements Cluster {
  /** What is wrong with which pod. */
  readonly troubles = new Map<string, RefusalCode>();
  asked = 0;

  override inspect = async (claim: PodClaim): Promise<LivePod | Refusal> => {
    this.asked += 1;
    const trouble = this.troubles.get(claim.uid);
    const pod = this.pods.get(claim.uid);
    if (trouble !== undefined) return refusal(trouble);
    return pod?.isAlive === true ? livePod(pod) : refusal("POD_ENDED");
  };

  secret = (): Promise<never> => Promise.reject(new Error("the model has no Secrets"));
}

export interface ModelSubject extends Enrolled {
  readonly pod: ModelPod;
}

export function modelWorld(rig: Rig, cluster: TroubledCluster): World<ModelSubject> {
  const troubled =
    (reason: PodDenial) =>
    async ({ claim }: ModelSubject) => {
      cluster.troubles.set(claim.uid, POD_DENIALS[reason].code);
      return undefined;
    };
  const unknown = async (): Promise<Buffer> => Buffer.from(`e30.${randomUUID()}.${randomUUID()}`);
  return {
    async subject() {
      const pod = cluster.start(`agent-${randomUUID().slice(0, 8)}`);
      const token = async (): Promise<Buffer> => Buffer.from(cluster.tokenFor(pod));
      return { ...(await enrolled(rig, { claim: pod.claim, token })), pod };
    },
    pods: {
      "the pod is gone": async ({ pod }) => {
        pod.isAlive = false;
        return undefined;
      },
      "the pod is being deleted": troubled("the pod is being deleted"),
      "the pod has succeeded": troubled("the pod has succeeded"),
      "the pod has failed": troubled("the pod has failed"),
      "the pod is out of shape": troubled("the pod is out of shape"),
      "the namespace is no longer enforced": troubled("the namespace is no longer enforced"),
      "the service account was made anew": troubled("the service account was made anew"),
      "the service account may write our kinds": troubled("the service account may write our kinds"),
      "nobody is known to have made the pod": async ({ pod }) => {
        pod.lineage = refusal("LINEAGE_UNKNOWN");
        return undefined;
      },
      "the pod is somebody else's by now": async ({ pod }) => {
        pod.lineage = { ...ROOTED, ancestors: [] };
        return undefined;
      },
      "the pod has another address": async ({ pod }) => {
        pod.ips = ["10.1.2.3"];
        return undefined;
      },
      "the cluster cannot be asked": troubled("the cluster cannot be asked"),
    },
    tokens: {
      "a token for another audience": unknown,
      "a token that has expired": async ({ pod }) => {
        const token = cluster.tokenFor(pod);
        cluster.tokens.delete(token);
        return Buffer.from(token);
      },
      "a token that nobody has made": unknown,
      "the token of another pod": async () => Buffer.from(cluster.tokenFor(cluster.start("other"))),
      "the token of an account, without a pod": unknown,
    },
  };
}
