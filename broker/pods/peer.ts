/** One pod at the broker's port, once a key that speaks for it has been shown. */
import type { Ancestor } from "#core/policy/facts.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { notFrom } from "../api/enrol.ts";
import { isStill } from "../lineage/lineage.ts";
import { subjectOfPod } from "../identity/subject.ts";
import type { Cluster, LivePod, PodClaim, PodPeer } from "./pods.ts";
import { ancestorsOf } from "./standing.ts";

export interface PeerOptions {
  readonly cluster: Pick<Cluster, "inspect">;
  readonly claim: PodClaim;
  /** As `PodPin` has them. */
  readonly ancestors?: readonly Ancestor[] | undefined;
  /** Of its end of the connection. */
  readonly address: string;
  /** When the certificate that it has shown ends. */
  readonly expiresMs: number;
}

export function podPeer({ cluster, claim, ancestors: pinned, address, expiresMs }: PeerOptions): PodPeer {
  const { uid, name, namespace, serviceAccount, credential } = claim;
  let isAdoptable = false;
  let last = pinned;
  async function look(signal: AbortSignal): Promise<LivePod | Refusal> {
    const pod = await cluster.inspect(claim, signal);
    if (isRefusal(pod)) return pod;
    if (!isRefusal(pod.lineage)) {
      isAdoptable = pod.lineage.isAdoptable;
      // What has broken off says nothing of who was further up.
      if (pod.lineage.ended === undefined) last = pod.lineage.ancestors;
    }
    return notFrom(address, pod) ?? pod;
  }
  return {
    uid,
    pod: { namespace, name },
    plannedFor: { serviceAccount: { namespace, name: serviceAccount } },
    expiresMs,
    get ancestors() {
      return last;
    },
    get isAdoptable() {
      return isAdoptable;
    },
    async identify(signal) {
      const pod = await look(signal);
      if (isRefusal(pod)) return pod;
      const ancestors = ancestorsOf(pod);
      if (isRefusal(ancestors)) return ancestors;
      const asks = { namespace, name, uid, credential };
      return { identity: pod.identity, ancestors, subject: subjectOfPod(uid), pod: asks, expiresMs };
    },
    async stillTrusted(known, signal): Promise<Refusal | undefined> {
      const pod = await look(signal);
      if (isRefusal(pod)) return pod;
      const { lineage } = pod;
      if (isRefusal(lineage)) return lineage;
      if (!isStill(known.ancestors, lineage)) return refusal("LINEAGE_CHANGED");
      const ancestors = ancestorsOf(pod);
      return isRefusal(ancestors) ? ancestors : undefined;
    },
  };
}
