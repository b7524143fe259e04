/** After a switch of protocols: bytes both ways, unread, at the pace of whoever is slower. */
import { PeerLeft } from "../peer.ts";
import { type Inbound, send } from "./inbound.ts";

export interface Ways {
  readonly client: Inbound;
  readonly upstream: Inbound;
  /** Of bytes to the client. Throws when there may be no more. */
  readonly count: (bytes: number) => void;
}

/** Who has ended it. Rejects with the signal's reason, and with what `count` throws. */
export async function tunnel(
  { client, upstream, count }: Ways,
  signal: AbortSignal,
): Promise<"client" | "upstream"> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const down = pump(upstream, client, both, count);
  // That the client has no more to say the API server is told, and it may still answer; not so the other way.
  const up = pump(client, upstream, both, () => undefined).then(() => void upstream.socket.end());
  const first = Promise.race([down.then(() => "upstream" as const), up.then(() => "client" as const)]);
  try {
    await Promise.all([first, down]);
    return await first;
  } finally {
    over.abort(new PeerLeft("the stream has ended"));
    await Promise.allSettled([up, down]);
  }
}

async function pump(
  from: Inbound,
  to: Inbound,
  signal: AbortSignal,
  count: (bytes: number) => void,
): Promise<void> {
  for (;;) {
    const piece = await from.piece(signal);
    if (piece === undefined) return;
    count(piece.length);
    await send(to.socket, piece, signal);
  }
}
