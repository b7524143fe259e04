/**
 * Parsing on another thread. One worker, started when first needed, one text at a time: when the deadline passes the
 * worker is ended and the text refused, which is the only way to stop a parser that does not return.
 */
import { Worker } from "node:worker_threads";
import type { ParseOutcome } from "#core/statements/postgres/parser.ts";
import type { InstanceOutcome } from "./instance.ts";
import { BROKE, outcomeOf } from "./outcome.ts";

export interface AsideLimits {
  readonly deadlineMs: number;
  readonly startMs: number;
  readonly queueMax: number;
  /** The worker costs tens of megabytes: it is let go when it had nothing to do for so long. */
  readonly idleMs: number;
}
export const ASIDE_LIMITS: AsideLimits = { deadlineMs: 1_000, startMs: 10_000, queueMax: 32, idleMs: 60_000 };

/** What the worker says: ready, an outcome, or that its instance broke. */
export type WorkerAnswer = "ready" | "broke" | InstanceOutcome;

export interface Aside extends AsyncDisposable {
  parse(bytes: Uint8Array): Promise<ParseOutcome>;
}

const refused = (code: "TOO_SLOW" | "TOO_LARGE", text: string): ParseOutcome => ({ code, text });
const OVERDUE = refused("TOO_SLOW", "takes longer to parse than it is given");
const QUEUE_FULL = refused("TOO_SLOW", "has to wait behind too many other large statements");
const CLOSED = refused("TOO_SLOW", "came while the parser was closing");
const NO_WORKER = refused("TOO_SLOW", "found no parser thread to run on");

interface Job {
  readonly bytes: Uint8Array;
  readonly settle: (outcome: ParseOutcome) => void;
}

export interface WorkerGiven {
  readonly treeCharsMax: number;
}

export function openAside(limits: AsideLimits, treeCharsMax: number): Aside {
  const queue: Job[] = [];
  let worker: Worker | undefined;
  let running: Promise<void> | undefined;
  let idle: NodeJS.Timeout | undefined;
  let closed = false;

  const end = async (): Promise<void> => {
    const old = worker;
    worker = undefined;
    await old?.terminate();
  };

  /** Undefined when the worker died or the time ran out, and then it is gone. */
  const answer = async (within: number): Promise<WorkerAnswer | undefined> => {
    const received = worker === undefined ? undefined : await nextAnswer(worker, within);
    if (received === undefined) await end();
    return received;
  };

  const isReady = async (): Promise<boolean> => {
    if (worker !== undefined) return true;
    worker = new Worker(new URL("./aside-worker.ts", import.meta.url), {
      workerData: { treeCharsMax } satisfies WorkerGiven,
      resourceLimits: { maxOldGenerationSizeMb: 256, stackSizeMb: 4 },
    });
    // What kills a worker, as running out of memory does, is a refusal of the text that did it: `exit` follows.
    worker.on("error", () => undefined);
    return (await answer(limits.startMs)) === "ready";
  };

  const parseOne = async (bytes: Uint8Array): Promise<ParseOutcome> => {
    if (!(await isReady())) return NO_WORKER;
    worker?.ref();
    worker?.postMessage(bytes, []);
    const received = await answer(limits.deadlineMs);
    if (received === undefined) return OVERDUE;
    const outcome = received === "broke" || received === "ready" ? BROKE : readable(received);
    if (outcome === BROKE) await end();
    return outcome;
  };

  const run = async (): Promise<void> => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      job.settle(closed ? CLOSED : await parseOne(job.bytes));
    }
    running = undefined;
    // A worker that waits must not keep the process alive.
    worker?.unref();
    idle = setTimeout(() => void end(), limits.idleMs).unref();
  };

  return {
    parse(bytes) {
      if (closed) return Promise.resolve(CLOSED);
      if (queue.length >= limits.queueMax) return Promise.resolve(QUEUE_FULL);
      const { promise, resolve } = Promise.withResolvers<ParseOutcome>();
      // The bytes may lie in a socket's buffer, which is not ours while the text waits.
      queue.push({ bytes: Uint8Array.from(bytes), settle: resolve });
      clearTimeout(idle);
      running ??= run();
      return promise;
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      clearTimeout(idle);
      await end();
      await running;
      clearTimeout(idle);
    },
  };
}

/** A tree that is not JSON comes from a broken instance, and must not leave its statement waiting for ever. */
function readable(received: InstanceOutcome): ParseOutcome {
  try {
    return outcomeOf(received);
  } catch {
    return BROKE;
  }
}

function nextAnswer(worker: Worker, within: number): Promise<WorkerAnswer | undefined> {
  const { promise, resolve } = Promise.withResolvers<WorkerAnswer | undefined>();
  const settle = (received: WorkerAnswer | undefined): void => {
    clearTimeout(timer);
    worker.off("message", settle).off("exit", gone);
    resolve(received);
  };
  const gone = (): void => settle(undefined);
  const timer = setTimeout(gone, within);
  worker.once("message", settle).once("exit", gone);
  return promise;
}
