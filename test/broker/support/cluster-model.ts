/** A model of a cluster, as the broker sees one: pods, their tokens, and the keys that are pinned. The real one is Kubernetes. */
import { randomBytes, randomUUID } from "node:crypto";
import type { Cluster, LivePod, PodClaim, PodPin } from "#broker/pods/pods.ts";
import type { Lineage } from "#broker/lineage/lineage.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";

export interface ModelPod {
  readonly claim: PodClaim;
  ips: string[];
  bootId: string;
  gatewayRestarts: number;
  isAlive: boolean;
  lineage: Lineage | Refusal;
}

/** Of somebody whom the API server knows. */
export const ROOTED: Lineage = {
  ancestors: [{ kind: "person", identity: { user: { name: "ada", groups: ["sre"] } } }],
  ended: undefined,
  isAdoptable: false,
};

export function livePod({ claim, ips, gatewayRestarts, lineage }: ModelPod): LivePod {
  const { namespace, name, uid, serviceAccount } = claim;
  const identity = { serviceAccount: { namespace, name: serviceAccount }, pod: { namespace, name, uid } };
  return { claim, ips, gatewayRestarts, identity, lineage };
}

interface Pin extends PodPin {
  readonly bootId: string;
  readonly gatewayRestarts: number;
}

export class ClusterModel implements Pick<Cluster, "review" | "inspect" | "pin" | "pinned"> {
  readonly pods = new Map<string, ModelPod>();
  readonly pins = new Map<string, Pin>();
  /** By token; one that has expired is not among them. */
  readonly tokens = new Map<string, PodClaim>();

  /** Of the next pod that is started. */
  nextLineage: Lineage | Refusal = ROOTED;

  start(name: string, ips: readonly string[] = ["127.0.0.1"]): ModelPod {
    const claim: PodClaim = {
      uid: randomUUID(),
      name,
      namespace: "shop",
      serviceAccount: "agent",
      serviceAccountUid: randomUUID(),
      nodeName: "node-1",
      nodeUid: "node-1-uid",
      credential: randomUUID(),
    };
    const pod = {
      claim,
      ips: [...ips],
      bootId: "boot-1",
      gatewayRestarts: 0,
      isAlive: true,
      lineage: this.nextLineage,
    };
    this.nextLineage = ROOTED;
    this.pods.set(claim.uid, pod);
    return pod;
  }

  tokenFor({ claim }: ModelPod): string {
    const token = `e30.${randomBytes(48).toString("base64url")}.${randomBytes(24).toString("base64url")}`;
    this.tokens.set(token, { ...claim, credential: randomUUID() });
    return token;
  }

  review = async (token: Uint8Array): Promise<PodClaim | Refusal> =>
    this.tokens.get(Buffer.from(token).toString("latin1")) ?? refusal("IDENTITY_INVALID");

  inspect = async (claim: PodClaim): Promise<LivePod | Refusal> => {
    const pod = this.pods.get(claim.uid);
    return pod?.isAlive === true ? livePod(pod) : refusal("POD_ENDED");
  };

  pin = async ({ claim }: LivePod, keyHash: string): Promise<Refusal | undefined> => {
    const pod = this.pods.get(claim.uid);
    if (pod === undefined) return refusal("POD_ENDED");
    const { bootId, gatewayRestarts } = pod;
    const before = this.pins.get(claim.uid);
    const isLost = before?.bootId !== bootId && gatewayRestarts > (before?.gatewayRestarts ?? 0);
    if (before !== undefined && before.keyHash !== keyHash && !isLost) return refusal("POD_KEY_REFUSED");
    if (before?.keyHash !== keyHash) this.pins.set(claim.uid, { claim, keyHash, bootId, gatewayRestarts });
    return undefined;
  };

  pinned = async (uid: string): Promise<PodPin | Refusal> => {
    const pin = this.pins.get(uid);
    if (pin === undefined) return refusal("POD_KEY_REFUSED", "no key speaks for this pod");
    const live = await this.inspect(pin.claim);
    return isRefusal(live) ? live : pin;
  };
}
