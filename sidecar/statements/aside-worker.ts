/** The thread behind `aside.ts`: one text in, one outcome out. */
import { parentPort } from "node:worker_threads";
import type { WorkerAnswer } from "./aside.ts";
import { openInstance } from "./instance.ts";
import { INSTANCE_BYTES_MAX } from "./limits.ts";

const port = parentPort;
if (port === null) throw new Error("aside-worker.ts runs as a worker only");

let instance = await openInstance();
port.on("message", (bytes: Uint8Array) => void answer(bytes));
say("ready");

async function answer(bytes: Uint8Array): Promise<void> {
  try {
    say(instance.parse(bytes));
  } catch {
    // The host ends this thread and starts another.
    return say("broke");
  }
  if (instance.memoryBytes() > INSTANCE_BYTES_MAX) instance = await openInstance();
}

function say(what: WorkerAnswer): void {
  port?.postMessage(what);
}
