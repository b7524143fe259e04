/** Cancels what the upstream runs, over a connection of its own under the same TLS policy. */
import { isRefusal } from "#core/values/refusal.ts";
import type { BackendKey } from "#core/wire/postgres/messages.ts";
import { cancelRequest } from "#core/wire/postgres/startup.ts";
import { event } from "../connecting.ts";
import { write } from "../peer.ts";
import { type Way, dial } from "./dial.ts";

const CANCEL_MS_MAX = 5_000;

/**
 * Resolves when the upstream has taken the request: it closes the connection after the signal was sent. Never rejects:
 * whoever cancels has other means to end the session and knows no more by the reason.
 */
export async function cancelUpstream(way: Way, key: BackendKey): Promise<boolean> {
  const signal = AbortSignal.timeout(CANCEL_MS_MAX);
  try {
    const socket = await dial(way, signal);
    if (isRefusal(socket)) return false;
    try {
      await write(socket, cancelRequest(key.processId, key.key));
      const closed = event(socket, "end", signal);
      socket.resume();
      await closed.catch(() => undefined);
      return true;
    } finally {
      socket.destroy();
    }
  } catch {
    return false;
  }
}
