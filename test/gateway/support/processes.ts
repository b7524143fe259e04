/** `sallyport gateway` as people run it: its own processes, started by the program and ended by signals. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "#test/architecture/sources.ts";

export interface GatewayStart {
  readonly config: string;
  readonly data: string;
  readonly workers?: number;
  readonly options?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Another build of it. */
  readonly program?: string;
}

export interface RunningGateway extends AsyncDisposable {
  readonly pid: number;
  readonly data: string;
  /** By the listener's name. */
  readonly ports: ReadonlyMap<string, number>;
  /** `http://127.0.0.1:PORT` */
  readonly health: string;
  /** What it said on standard output, and its log. */
  readonly said: readonly string[];
  readonly log: readonly string[];
  /** Of the processes below it, by name, as the supervisor's log and metrics call them. */
  children(): readonly ChildFacts[];
  signal(name: NodeJS.Signals): void;
  /** The exit code, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export interface ChildFacts {
  readonly pid: number;
  readonly kind: "broker" | "worker";
}

/** The users that root lends the two halves when nothing else is said. */
export const BROKER_UID = 64_801;
export const SHARED_GID = 64_800;
export const isRoot = process.getuid?.() === 0;

const READY_MS_MAX = 30_000;

/** Resolves when clients are served; rejects with what it said when it ends before. */
export async function startGateway(start: GatewayStart): Promise<RunningGateway> {
  const { config, data, workers = 1, options = [], program = join(ROOT, "cli/main.ts") } = start;
  const words = ["gateway", "--config", config, "--data", data, "--workers", String(workers)];
  const child = spawn(process.execPath, [program, ...words, "--metrics", "127.0.0.1:0", ...options], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...start.environment },
  });
  const said: string[] = [];
  const log: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => log.push(line));
  const ended = endOf(child);
  const ready = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    said.push(line);
    if (line.startsWith("health ")) ready.resolve();
  });
  const late = setTimeout(() => ready.reject(new Error("not ready in time")), READY_MS_MAX);
  void ended.then((how) => ready.reject(new NotStarted(how, log)));
  try {
    await ready.promise;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(late);
  }
  const pid = child.pid ?? 0;
  return {
    pid,
    data,
    ports: portsIn(said),
    health: /http:\/\/[^/]+/.exec(said.find((line) => line.startsWith("health ")) ?? "")?.[0] ?? "",
    said,
    log,
    children: () => childrenOf(pid),
    signal: (name) => void child.kill(name),
    ended,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 30_000);
      await ended;
      clearTimeout(late);
    },
  };
}

export class NotStarted extends Error {
  readonly how: number | NodeJS.Signals;
  constructor(how: number | NodeJS.Signals, log: readonly string[]) {
    super(`it ended with ${how}: ${log.join("\n")}`);
    this.how = how;
  }
}

async function endOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return code ?? signal ?? -1;
}

/** From lines as `ready  orders: psql "host=127.0.0.1 port=6432 …"`. */
function portsIn(lines: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    lines.flatMap((line): [string, number][] => {
      const [, name, port] = /^ready {2}([^:]+): .*?(?:port=|:)(\d+)/.exec(line) ?? [];
      return name === undefined ? [] : [[name, Number(port)]];
    }),
  );
}

export function childrenOf(pid: number): readonly ChildFacts[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map((word): ChildFacts => {
      const command = readFileSync(`/proc/${word}/cmdline`, "utf8");
      return { pid: Number(word), kind: command.includes("broker-worker") ? "broker" : "worker" };
    });
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
