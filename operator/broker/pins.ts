/**
 * Which key speaks for which pod, and who was above it, as one Lease object a pod: made once, by whichever replica is first, since the
 * API server lets one of them win. It holds nothing secret. It outlives its pod for as long as another one that lives names it.
 */
import { agentsAbove } from "#broker/lineage/lineage.ts";
import type { LivePod, PodClaim, PodPin } from "#broker/pods/pods.ts";
import type { Ancestor } from "#core/policy/facts.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { Call, Kube, Listed } from "../kube/client.ts";
import { isAlreadyThere, isConflict, isNotFound } from "../kube/error.ts";
import { type Lease, LEASES, NODES, PODS, keyOf, objectKey } from "../kube/resource.ts";
import { type Pinned, SELECTOR, UID, nameOf, readPin, written } from "./pin-record.ts";

export interface PinsOptions {
  readonly kube: Pick<Kube, "get" | "create" | "update" | "delete" | "pages">;
  /** The broker's own. */
  readonly namespace: string;
  /** Another key than the pod's own asked to speak for it: a token in the wrong hands, or a gateway that lost its key. */
  readonly onRefused: (claim: PodClaim) => void;
  /** Whether a pod that lives, and has not been pinned yet, names it as its maker. */
  readonly isNamed: (uid: string) => boolean;
}

export interface Pins {
  /** Rejects when the API server cannot be asked. */
  pin(pod: LivePod, keyHash: string, call: Call): Promise<Refusal | undefined>;
  pinned(uid: string, call: Call): Promise<PodPin | Refusal>;
  /** Who was above the pod when it was last looked at; undefined when it has never been known. */
  above(uid: string, call: Call): Promise<readonly Ancestor[] | undefined>;
  /** For a pod whose lineage was not known yet when it was pinned. */
  noteLineage(pod: LivePod, call: Call): Promise<void>;
  /** All that there are, of pods that are gone too. */
  records(call: Call): AsyncGenerator<PodRecord>;
  /** Removes those whose pods are gone and are not named by one that lives, and says how many. */
  sweep(call: Call): Promise<number>;
}

export interface PodRecord {
  readonly claim: PodClaim;
  /** Undefined where it has never been known. */
  readonly ancestors: readonly Ancestor[] | undefined;
}

/** Another replica may be at it: whoever loses looks again at what the other has made. */
const ATTEMPTS_MAX = 4;

export function openPins({ kube, namespace, onRefused, isNamed }: PinsOptions): Pins {
  const place = (uid: string): string => objectKey(namespace, nameOf(uid));
  const pages = (call: Call) => kube.pages(LEASES, { namespace, labelSelector: SELECTOR, ...call });

  async function attempt(pod: LivePod, keyHash: string, call: Call): Promise<Refusal | undefined> {
    const lease = await kube.get(LEASES, place(pod.claim.uid), call);
    const before = lease === undefined ? undefined : readPin(lease);
    if (before?.keyHash === keyHash) return undefined;
    const node = await kube.get(NODES, pod.claim.nodeName, call);
    const bootId = node?.status?.nodeInfo?.bootID ?? "";
    if (bootId === "" || node?.metadata.uid !== pod.claim.nodeUid) return refusal("POD_ENDED");
    const { claim, gatewayRestarts: restarts, lineage } = pod;
    const next: Pinned = { claim, keyHash, bootId, restarts, ...known(lineage) };
    if (lease === undefined) {
      const { spec, labels, annotations } = written(next);
      const metadata = { name: nameOf(pod.claim.uid), namespace, labels, annotations };
      await kube.create(LEASES, { metadata, spec }, call);
      return undefined;
    }
    if (before === undefined || !isReplaceable(before, next)) {
      onRefused(pod.claim);
      return refusal("POD_KEY_REFUSED");
    }
    // With its version: refused when another replica has written since.
    await rewrite(lease, next, call);
    return undefined;
  }

  async function rewrite(lease: Lease, next: Pinned, call: Call): Promise<void> {
    const { spec, ...metadata } = written(next);
    await kube.update(LEASES, { ...lease, metadata: { ...lease.metadata, ...metadata }, spec }, call);
  }

  async function noteLineage(pod: LivePod, call: Call): Promise<void> {
    const lease = await kube.get(LEASES, place(pod.claim.uid), call);
    const before = lease === undefined ? undefined : readPin(lease);
    const next = known(pod.lineage);
    if (lease === undefined || before === undefined || next.above === undefined) return;
    if (JSON.stringify(before.above) === JSON.stringify(next.above)) return;
    await rewrite(lease, { ...before, ...next }, call);
  }

  async function recordOf(uid: string, call: Call): Promise<Pinned | undefined> {
    const lease = UID.test(uid) ? await kube.get(LEASES, place(uid), call) : undefined;
    const pin = lease === undefined ? undefined : readPin(lease);
    return pin?.claim.uid === uid ? pin : undefined;
  }

  return {
    pin: (pod, keyHash, call) => persist(() => attempt(pod, keyHash, call)),
    noteLineage: (pod, call) => persist(() => noteLineage(pod, call)),
    above: async (uid, call) => (await recordOf(uid, call))?.above,
    async pinned(uid, call) {
      if (!UID.test(uid)) return refusal("IDENTITY_INVALID");
      const pin = await recordOf(uid, call);
      if (pin === undefined) return refusal("POD_ENDED");
      const { claim, keyHash, above, isAdoptable } = pin;
      return { claim, keyHash, ...(above === undefined || isAdoptable ? {} : { ancestors: above }) };
    },
    async *records(call) {
      for await (const { items } of pages(call)) {
        for (const lease of items) {
          const pin = readPin(lease);
          if (pin !== undefined) yield { claim: pin.claim, ancestors: pin.above };
        }
      }
    },
    sweep: (call) => sweep(pages(call), { kube, isNamed }, call),
  };
}

async function persist<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await work();
    } catch (error) {
      const isLost = isAlreadyThere(error) || isConflict(error) || isNotFound(error);
      if (!isLost || attempts === ATTEMPTS_MAX) throw error;
    }
  }
}

async function sweep(
  pages: AsyncIterable<Listed<Lease>>,
  { kube, isNamed }: Pick<PinsOptions, "kube" | "isNamed">,
  call: Call,
): Promise<number> {
  const named = new Set<string>();
  const gone: { readonly lease: Lease; readonly of: string | undefined }[] = [];
  for await (const { items } of pages) {
    for (const lease of items) {
      const pin = readPin(lease);
      if (pin === undefined || !(await isThere(kube, pin.claim, call)))
        gone.push({ lease: onlyNamed(lease), of: pin?.claim.uid });
      else for (const { uid } of agentsAbove(pin.above ?? [])) named.add(uid);
    }
  }
  let removed = 0;
  for (const { lease, of } of gone) {
    const isKept = of !== undefined && (named.has(of) || isNamed(of));
    if (!isKept && (await remove(kube, lease, call))) removed += 1;
  }
  return removed;
}

/** A key that is lost with the node's memory, and nothing less: the state of a container that is only started again is still there. */
function isReplaceable(before: Pinned, next: Pinned): boolean {
  return before.bootId !== next.bootId && before.restarts < next.restarts;
}

async function isThere(
  kube: PinsOptions["kube"],
  { namespace, name, uid }: PodClaim,
  call: Call,
): Promise<boolean> {
  const pod = await kube.get(PODS, objectKey(namespace, name), call);
  return pod?.metadata.uid === uid;
}

async function remove(kube: PinsOptions["kube"], lease: Lease, call: Call): Promise<boolean> {
  const { uid, resourceVersion } = lease.metadata;
  if (uid === undefined || resourceVersion === undefined) return false;
  try {
    return await kube.delete(LEASES, keyOf(lease), { ...call, uid, resourceVersion });
  } catch (error) {
    if (isConflict(error)) return false;
    throw error;
  }
}

function known(lineage: LivePod["lineage"]): Pick<Pinned, "above" | "isAdoptable"> {
  if (isRefusal(lineage)) return { above: undefined, isAdoptable: false };
  const { ancestors, isAdoptable } = lineage;
  return { above: ancestors, isAdoptable };
}

/** Of thousands that are gone at once, no more than it takes to remove them. */
function onlyNamed({ apiVersion, kind, metadata: { name, namespace, uid, resourceVersion } }: Lease): Lease {
  const metadata = { name, namespace, uid, resourceVersion } as Lease["metadata"];
  return { apiVersion, kind, metadata };
}
