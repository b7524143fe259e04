/** A port of a pod, on this machine, by `kubectl port-forward`: it goes wherever the API server can be reached. */
import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";

export interface Forwarded extends AsyncDisposable {
  readonly port: number;
}

export interface ForwardOptions {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
  /** Which cluster is meant. */
  readonly kubectlWords: readonly string[];
}

/** kubectl runs us as a plugin, so it is there. */
const KUBECTL = "kubectl";
const READY = /^Forwarding from 127\.0\.0\.1:(\d+)/m;
const START_MS_MAX = 15_000;
const WORDS_CHARS_MAX = 4_096;

const running = new Set<ChildProcess>();

/** Whatever ends us: a port of somebody's pod is not left open. */
process.on("exit", () => {
  for (const child of running) child.kill("SIGTERM");
});

/** Rejects with kubectl's own words. */
export async function forward(options: ForwardOptions): Promise<Forwarded> {
  const { namespace, pod, port, kubectlWords } = options;
  const words = ["port-forward", "--address=127.0.0.1", `--namespace=${namespace}`, `pod/${pod}`, `:${port}`];
  const child = spawn(KUBECTL, [...kubectlWords, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  const ended = once(child, "close").finally(() => running.delete(child));
  // Awaited when it is disposed; whoever waits for the port hears of it first.
  ended.catch(() => undefined);
  try {
    return {
      port: await portOf(child),
      async [Symbol.asyncDispose]() {
        child.kill("SIGTERM");
        await ended;
      },
    };
  } catch (error) {
    child.kill("SIGTERM");
    throw error;
  }
}

async function portOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let said = "";
  let complaint = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    said = (said + piece).slice(-WORDS_CHARS_MAX);
    const port = READY.exec(said)?.[1];
    if (port !== undefined) resolve(Number(port));
  });
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    complaint = (complaint + piece).slice(-WORDS_CHARS_MAX);
  });
  child.once("error", reject);
  child.once("close", () => reject(new Error(complaint.trim() || "kubectl ended without a word")));
  const patience = setTimeout(() => reject(new Error("kubectl does not forward the port")), START_MS_MAX);
  return promise.finally(() => clearTimeout(patience));
}
