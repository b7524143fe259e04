/** Whether the key at the other end speaks for the pod of its certificate: a certificate alone outlives whatever took it back. */
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { Cluster, PodPin } from "../pods/pods.ts";
import type { PodConnection, TlsPortOptions } from "./serve-tls.ts";
import type { AttachedPort } from "./serve.ts";

/** `attach`: makes the port of the pod, whose token was the claim's, at that address. */
export function admitPods(
  cluster: Pick<Cluster, "pinned">,
  attach: (pin: PodPin, connection: PodConnection) => AttachedPort,
): TlsPortOptions["admit"] {
  return async (connection, signal): Promise<AttachedPort | Refusal> => {
    const pin = await cluster.pinned(connection.uid, signal);
    if (isRefusal(pin)) return pin;
    const isPinned = pin.claim.uid === connection.uid && pin.keyHash === connection.keyHash;
    return isPinned ? attach(pin, connection) : refusal("POD_KEY_REFUSED");
  };
}
