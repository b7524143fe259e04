/** kubectl, as a user types it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { findClients } from "./clients.ts";
import { COLLECTING_SELDOM } from "./control-plane.ts";

export interface KubectlOptions {
  readonly kubeconfig: string;
  readonly stdin?: string;
  readonly signal?: AbortSignal;
}

export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const KUBECTL_MS_MAX = 60_000;

/** Does not throw when kubectl refuses: the code and what it said are the answer. */
export async function kubectl(args: readonly string[], options: KubectlOptions): Promise<KubectlResult> {
  const signals = [
    AbortSignal.timeout(KUBECTL_MS_MAX),
    ...(options.signal === undefined ? [] : [options.signal]),
  ];
  const child = spawn(findClients().kubectl, args, {
    stdio: "pipe",
    signal: AbortSignal.any(signals),
    killSignal: "SIGKILL",
    // No HOME: what it caches about a server must not be found by the next one at the same port.
    env: {
      PATH: process.env["PATH"] ?? "",
      ...COLLECTING_SELDOM,
      KUBECONFIG: options.kubeconfig,
      KUBECACHEDIR: `${options.kubeconfig}.cache`,
    },
  });
  const closed = once(child, "close");
  // It may end without having read all of it.
  child.stdin.on("error", () => undefined).end(options.stdin ?? "");
  const [[code], stdout, stderr] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
  return { code: (code as number | null) ?? -1, stdout, stderr };
}
