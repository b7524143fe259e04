/** The thread behind `aside.ts`: one text in, one outcome out. */
import { parentPort, workerData } from "node:worker_threads";
import type { WorkerAnswer, WorkerGiven } from "./aside.ts";
import { openInstance } from "./instance.ts";
import { INSTANCE_BYTES_MAX } from "./limits.ts";

const port = parentPort;
if (port === null) throw new Error("aside-worker.ts runs as a worker only");

const { treeCharsMax } = workerData as WorkerGiven;
let instance = await openInstance(treeCharsMax);
port.on("message", (bytes: Uint8Array) => void answer(bytes));
say("ready");

async function answer(bytes: Uint8Array): Promise<void> {
  try {
    say(instance.parse(bytes));
  } catch {
    // The host ends this thread and starts another.
    return say("broke");
  }
  if (instance.memoryBytes() > INSTANCE_BYTES_MAX) instance = await openInstance(treeCharsMax);
}

function say(what: WorkerAnswer): void {
  port?.postMessage(what);
}
