/** One captured client: heard until it is known what it speaks, refused in those words, let go. */
import type { Socket } from "node:net";
import type { SecureContext } from "node:tls";
import type { Refusal } from "#core/values/refusal.ts";
import { PeerLeft, sayLast } from "../protocols/peer.ts";
import { secured } from "../protocols/postgres/greeting.ts";
import { readSome } from "../protocols/reading.ts";
import { type Spoken, spokenIn, voices } from "./voices/index.ts";
import type { Step } from "./voices/voice.ts";

/** How a client was let go: told why, or reset because it speaks nothing that it could be told in, or nothing at all. */
export type Farewell =
  | { readonly how: "told"; readonly spoken: Spoken }
  | { readonly how: "reset"; readonly spoken: Spoken | "other" | "nothing" }
  | { readonly how: "left" };

const FIRST_BYTES_MAX = 16 * 1024;
/** Encryption of two kinds may be asked for, each once. */
const REPLIES_MAX = 2;

export interface Told {
  readonly why: Refusal;
  /** For clients that ask for TLS within their protocol; undefined: there is none. */
  readonly tls?: (() => SecureContext) | undefined;
}

/** Never rejects for what a client does. The socket is closed when it resolves. */
export async function converse(client: Socket, told: Told, signal: AbortSignal): Promise<Farewell> {
  // The reads report what happens to the socket; unheard, an error between two of them would end the process.
  client.on("error", () => undefined);
  try {
    return await hearOut(client, told, signal);
  } catch (error) {
    if (signal.aborted) return reset(client, "nothing");
    if (error instanceof PeerLeft || isOfTheClient(error)) return { how: "left" };
    throw error;
  } finally {
    client.destroy();
  }
}

async function hearOut(client: Socket, { why, tls }: Told, signal: AbortSignal): Promise<Farewell> {
  let bytes: Buffer = Buffer.alloc(0);
  let replies = 0;
  /** The one that speaks for the client now: itself, or TLS over it. */
  let socket = client;
  for (;;) {
    const spoken = spokenIn(bytes);
    if (spoken === "other") return reset(client, spoken);
    const canEncrypt = tls !== undefined && socket === client;
    const step: Step = spoken === undefined ? MORE : voices[spoken].refuse(bytes, why, canEncrypt);
    if (step.kind === "last" && spoken !== undefined) {
      await sayLast(socket, step.bytes);
      return { how: "told", spoken };
    }
    if (step.kind === "reply" || step.kind === "encrypt") {
      replies += 1;
      if (replies > REPLIES_MAX) return reset(client, spoken ?? "other");
      socket.write(step.bytes);
      bytes = bytes.subarray(step.usedBytes);
      if (step.kind === "reply") continue;
      // What came in the clear behind the request came from somebody else (CVE-2021-23214).
      if (bytes.length > 0) return reset(client, spoken ?? "other");
      socket = await secured(client, { tls: tls?.() }, signal, false);
      continue;
    }
    if (bytes.length > FIRST_BYTES_MAX) return reset(client, spoken ?? "other");
    const piece = await readSome(socket, signal, FIRST_BYTES_MAX + 1 - bytes.length);
    if (piece === undefined) return { how: "left" };
    bytes = Buffer.concat([bytes, piece]);
  }
}

const MORE: Step = { kind: "more" };

function reset(client: Socket, spoken: Spoken | "other" | "nothing"): Farewell {
  client.resetAndDestroy();
  return { how: "reset", spoken };
}

/** Errors of a socket have the kernel's code; bugs of ours have none. */
function isOfTheClient(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    /^E[A-Z]+$/.test(error.code)
  );
}
