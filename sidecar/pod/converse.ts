/** One captured client: heard until it is known what it speaks, refused in those words, let go. */
import type { Socket } from "node:net";
import type { Refusal } from "#core/values/refusal.ts";
import { sayLast } from "../protocols/postgres/handshake.ts";
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
    const spoken = spokenIn(bytes);
    if (spoken === "other") return reset(client, spoken);
    const step: Step = spoken === undefined ? { kind: "more" } : voices[spoken].refuse(bytes, why);
    if (step.kind === "last" && spoken !== undefined) {
      await sayLast(client, step.bytes);
      return { how: "told", spoken };
    }
    if (step.kind === "reply") {
      replies += 1;
      if (replies > REPLIES_MAX) return reset(client, spoken ?? "other");
      client.write(step.bytes);
      bytes = bytes.subarray(step.usedBytes);
      continue;
    }
    if (bytes.length > FIRST_BYTES_MAX) return reset(client, spoken ?? "other");
    const piece = await readSome(client, signal, FIRST_BYTES_MAX + 1 - bytes.length);
    if (piece === undefined) return { how: "left" };
    bytes = Buffer.concat([bytes, piece]);
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
