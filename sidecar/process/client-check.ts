/** Whether a client may speak to a listener at all, before a byte of it is read. */
import type { Socket } from "node:net";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { OwnerLookUp } from "#runtime/local-peer.ts";
import type { Listener } from "../gateway/listener.ts";

/**
 * Whoever reaches an ambient listener is its subject. Its folder guards a unix socket; a loopback port is open to every user
 * of the host, so there the kernel is asked whose the connection is. Not knowing is refusing.
 */
export function clientCheck(ownerOf: OwnerLookUp) {
  return async (client: Socket, listener: Listener): Promise<Refusal | undefined> => {
    if (listener.onlyUid === undefined) return undefined;
    const owner = await ownerOf(client);
    if (owner === listener.onlyUid) return undefined;
    return owner === undefined
      ? refusal("IDENTITY_AMBIGUOUS")
      : refusal("IDENTITY_INVALID", "this port is for the processes of another local user");
  };
}
