/** What a client begins with, held back until it is known whether it may pass. */
import type { Socket } from "node:net";
import type { ConnectionView } from "#core/port/port.ts";
import { CLIENT_HELLO_BYTES_MAX, readFirstBytes } from "#core/wire/tls/client-hello.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { readSome } from "../reading.ts";

/** Empty when the client ended without a word. */
export interface Beginning {
  readonly bytes: Uint8Array;
  readonly serverName: string | undefined;
}

/** Waits for the client's first bytes and judges them; none of a refused client's is ever handed out. */
export async function readBeginning(
  client: Socket,
  connection: ConnectionView,
  signal: AbortSignal,
): Promise<Beginning | Refusal> {
  let bytes: Buffer = Buffer.alloc(0);
  for (;;) {
    const piece = await readSome(client, signal, CLIENT_HELLO_BYTES_MAX + 1 - bytes.length);
    if (piece === undefined) return bytes.length === 0 ? { bytes, serverName: undefined } : brokenTls();
    bytes = bytes.length === 0 ? piece : Buffer.concat([bytes, piece]);
    const read = readFirstBytes(bytes);
    switch (read.kind) {
      case "more":
        if (bytes.length > CLIENT_HELLO_BYTES_MAX) return brokenTls();
        continue;
      case "broken":
        return brokenTls();
      case "not-tls":
        return connection.spec.tcp?.requireTls === true
          ? refusal("CLIENT_TLS_REQUIRED", "this connection is for clients that speak TLS")
          : { bytes, serverName: undefined };
      case "tls":
        return judgeName(read.serverName, connection) ?? { bytes, serverName: read.serverName };
    }
  }
}

function brokenTls(): Refusal {
  return refusal("CLIENT_PROTOCOL", "the client begins with TLS that cannot be read");
}

/** Whoever names another server means another one, and the upstream may serve many. */
function judgeName(serverName: string | undefined, { spec }: ConnectionView): Refusal | undefined {
  if (serverName === undefined) return undefined;
  const named = normal(serverName);
  const meant = [spec.address, ...(spec.reachedAs ?? [])].some(({ host }) => normal(host) === named);
  return meant
    ? undefined
    : refusal("DENY_UNKNOWN_CONNECTION", "the client asks TLS for a server that is not this connection's");
}

const normal = (host: string): string => host.toLowerCase().replace(/\.$/, "");
