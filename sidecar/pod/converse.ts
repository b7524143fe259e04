/** One captured client: heard until it is known what it speaks, refused in those words, let go. */
import type { Socket } from "node:net";
import type { Refusal } from "#core/values/refusal.ts";
import { sayLast } from "../protocols/postgres/handshake.ts";
import { readSome } from "../protocols/reading.ts";
import { type Spoken, spokenIn, voices } from "./voices/index.ts";

/** How a client was let go: told why, or reset because it speaks nothing that it could be told in, or nothing at all. */
export type Farewell =
  | { readonly how: "told"; readonly spoken: Spoken }
  | { readonly how: "reset"; readonly spoken: Spoken | "other" | "nothing" }
  | { readonly how: "left" };

const FIRST_BYTES_MAX = 16 * 1024;
/** Encryption of two kinds may be asked for, each once. */
const REPLIES_MAX = 2;

/** Never rejects for what a client does. The socket is closed when it resolves. */
export async function converse(client: Socket, why: Refusal, signal: AbortSignal): Promise<Farewell> {
  // The reads report what happens to the socket; unheard, an error between two of them would end the process.
  client.on("error", () => undefined);
  try {
    return await hearOut(client, why, signal);
  } catch (error) {
    if (signal.aborted) return reset(client, "nothing");
    if (isOfTheClient(error)) return { how: "left" };
    throw error;
  } finally {
    client.destroy();
  }
}

async function hearOut(client: Socket, why: Refusal, signal: AbortSignal): Promise<Farewell> {
  let bytes: Buffer = Buffer.alloc(0);
  let replies = 0;
  for (;;) {
    const piece = await readSome(client, signal, FIRST_BYTES_MAX + 1 - bytes.length);
    if (piece === undefined) return { how: "left" };
    bytes = bytes.length === 0 ? piece : Buffer.concat([bytes, piece]);
    const spoken = spokenIn(bytes);
    if (spoken === "other" || bytes.length > FIRST_BYTES_MAX) return reset(client, spoken ?? "other");
    if (spoken === undefined) continue;
    const step = voices[spoken].refuse(bytes, why);
    if (step.kind === "more") continue;
    if (step.kind === "last") {
      await sayLast(client, step.bytes);
      return { how: "told", spoken };
    }
    replies += 1;
    if (replies > REPLIES_MAX) return reset(client, spoken);
    bytes = bytes.subarray(step.usedBytes);
    client.write(step.bytes);
  }
}

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
