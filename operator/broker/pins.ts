/**
 * Which key speaks for which pod, as one Lease object a pod: made once, by whichever replica is first, since the API server lets one
 * of them win. It holds nothing secret.
 */
import { createHash } from "node:crypto";
import type { LivePod, PodClaim, PodPin } from "#broker/pods/pods.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { GROUP } from "#operator/names.ts";
import type { Call, Kube } from "../kube/client.ts";
import { isAlreadyThere, isConflict, isNotFound, isRecord } from "../kube/error.ts";
import { type Lease, LEASES, NODES, PODS, keyOf, objectKey } from "../kube/resource.ts";

export interface PinsOptions {
  readonly kube: Pick<Kube, "get" | "create" | "update" | "delete" | "pages">;
  /** The broker's own. */
  readonly namespace: string;
  /** Another key than the pod's own asked to speak for it: a token in the wrong hands, or a gateway that lost its key. */
  readonly onRefused: (claim: PodClaim) => void;
}

export interface Pins {
  /** Rejects when the API server cannot be asked. */
  pin(pod: LivePod, keyHash: string, call: Call): Promise<Refusal | undefined>;
  pinned(uid: string, call: Call): Promise<PodPin | Refusal>;
  /** Removes those whose pods are gone, and says how many. */
  sweep(call: Call): Promise<number>;
}

const RECORD = `${GROUP}/record`;
const PIN = "pin";
const SELECTOR = `${RECORD}=${PIN}`;
const ANNOTATIONS = {
  keyHash: `${GROUP}/key-sha256`,
  bootId: `${GROUP}/node-boot-id`,
  restarts: `${GROUP}/gateway-restarts`,
  claim: `${GROUP}/pod`,
} as const;
/** Another replica may be at it: whoever loses looks again at what the other has made. */
const ATTEMPTS_MAX = 4;

interface Pinned extends PodPin {
  readonly bootId: string;
  readonly restarts: number;
}

export function openPins({ kube, namespace, onRefused }: PinsOptions): Pins {
  const place = (uid: string): string => objectKey(namespace, nameOf(uid));

  async function attempt(pod: LivePod, keyHash: string, call: Call): Promise<Refusal | undefined> {
    const lease = await kube.get(LEASES, place(pod.claim.uid), call);
    const before = lease === undefined ? undefined : readPin(lease);
    if (before?.keyHash === keyHash) return undefined;
    const node = await kube.get(NODES, pod.claim.nodeName, call);
    const bootId = node?.status?.nodeInfo?.bootID ?? "";
    if (bootId === "" || node?.metadata.uid !== pod.claim.nodeUid) return refusal("POD_ENDED");
    const next: Pinned = { claim: pod.claim, keyHash, bootId, restarts: pod.gatewayRestarts };
    if (lease === undefined) {
      await kube.create(
        LEASES,
        { metadata: { name: nameOf(pod.claim.uid), namespace, ...written(next) } },
        call,
      );
      return undefined;
    }
    if (before === undefined || !isReplaceable(before, next)) {
      onRefused(pod.claim);
      return refusal("POD_KEY_REFUSED");
    }
    // With its version: refused when another replica has written since.
    await kube.update(LEASES, { ...lease, metadata: { ...lease.metadata, ...written(next) } }, call);
    return undefined;
  }

  return {
    async pin(pod, keyHash, call) {
      for (let attempts = 1; ; attempts += 1) {
        try {
          return await attempt(pod, keyHash, call);
        } catch (error) {
          const isLost = isAlreadyThere(error) || isConflict(error) || isNotFound(error);
          if (!isLost || attempts === ATTEMPTS_MAX) throw error;
        }
      }
    },
    async pinned(uid, call) {
      if (!UID.test(uid)) return refusal("IDENTITY_INVALID");
      const lease = await kube.get(LEASES, place(uid), call);
      const pin = lease === undefined ? undefined : readPin(lease);
      return pin === undefined || pin.claim.uid !== uid ? refusal("POD_ENDED") : pin;
    },
    async sweep(call) {
      let removed = 0;
      for await (const { items } of kube.pages(LEASES, { namespace, labelSelector: SELECTOR, ...call })) {
        for (const lease of items) if (await sweepOne(kube, lease, call)) removed += 1;
      }
      return removed;
    },
  };
}

/** A key that is lost with the node's memory, and nothing less: the state of a container that is only started again is still there. */
function isReplaceable(before: Pinned, next: Pinned): boolean {
  return before.bootId !== next.bootId && before.restarts < next.restarts;
}

async function sweepOne(kube: PinsOptions["kube"], lease: Lease, call: Call): Promise<boolean> {
  const pin = readPin(lease);
  if (pin !== undefined) {
    const pod = await kube.get(PODS, objectKey(pin.claim.namespace, pin.claim.name), call);
    if (pod?.metadata.uid === pin.claim.uid) return false;
  }
  const { uid, resourceVersion } = lease.metadata;
  if (uid === undefined || resourceVersion === undefined) return false;
  try {
    return await kube.delete(LEASES, keyOf(lease), { ...call, uid, resourceVersion });
  } catch (error) {
    if (isConflict(error)) return false;
    throw error;
  }
}

/** What the API server gives to objects. */
const UID = /^[0-9a-f-]{1,63}$/;

function nameOf(uid: string): string {
  // A pod's uid is a name already; anything else would be somebody's invention, and is still only one name.
  return UID.test(uid) ? `pod-${uid}` : `pod-x${createHash("sha256").update(uid).digest("hex")}`;
}

function written({
  claim,
  keyHash,
  bootId,
  restarts,
}: Pinned): Pick<Lease["metadata"], "labels" | "annotations"> {
  return {
    labels: { [RECORD]: PIN },
    annotations: {
      [ANNOTATIONS.keyHash]: keyHash,
      [ANNOTATIONS.bootId]: bootId,
      [ANNOTATIONS.restarts]: String(restarts),
      [ANNOTATIONS.claim]: JSON.stringify(claim),
    },
  };
}

/** Undefined for what is not as we write it: then nobody speaks for the pod. */
function readPin({ metadata: { annotations = {} } }: Lease): Pinned | undefined {
  const keyHash = annotations[ANNOTATIONS.keyHash];
  const bootId = annotations[ANNOTATIONS.bootId];
  const restarts = Number(annotations[ANNOTATIONS.restarts] ?? Number.NaN);
  const claim = readClaim(annotations[ANNOTATIONS.claim]);
  if (keyHash === undefined || bootId === undefined || claim === undefined || !Number.isInteger(restarts))
    return undefined;
  return { claim, keyHash, bootId, restarts };
}

const CLAIM_MEMBERS = [
  "uid",
  "name",
  "namespace",
  "serviceAccount",
  "serviceAccountUid",
  "nodeName",
  "nodeUid",
  "credential",
] as const satisfies readonly (keyof PodClaim)[];

function readClaim(text: string | undefined): PodClaim | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text ?? "");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
  if (!isRecord(json) || CLAIM_MEMBERS.some((member) => typeof json[member] !== "string")) return undefined;
  return json as unknown as PodClaim;
}
