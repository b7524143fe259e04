/** One pod at the broker's port, once a key that speaks for it has been shown. */
import { type Refusal, isRefusal } from "#core/values/refusal.ts";
import { notFrom } from "../api/enrol.ts";
import { subjectOfPod } from "../identity/subject.ts";
import type { Cluster, LivePod, PodClaim, PodPeer } from "./pods.ts";

export interface PeerOptions {
  readonly cluster: Pick<Cluster, "inspect">;
  readonly claim: PodClaim;
  /** Of its end of the connection. */
  readonly address: string;
  /** When the certificate that it has shown ends. */
  readonly expiresMs: number;
}

export function podPeer({ cluster, claim, address, expiresMs }: PeerOptions): PodPeer {
  const { uid, name, namespace, serviceAccount, credential } = claim;
  async function look(signal: AbortSignal): Promise<LivePod | Refusal> {
    const pod = await cluster.inspect(claim, signal);
    return isRefusal(pod) ? pod : (notFrom(address, pod) ?? pod);
  }
  return {
    uid,
    pod: { namespace, name },
    plannedFor: { serviceAccount: { namespace, name: serviceAccount } },
    expiresMs,
    async identify(signal) {
      const pod = await look(signal);
      if (isRefusal(pod)) return pod;
      const asks = { namespace, name, uid, credential };
      return { identity: pod.caller.identity, subject: subjectOfPod(uid), pod: asks, expiresMs };
    },
    async stillTrusted(signal): Promise<Refusal | undefined> {
      const pod = await look(signal);
      return isRefusal(pod) ? pod : undefined;
    },
  };
}
