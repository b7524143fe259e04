/** The gateway's processes as something to be killed without a word. */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import type { GatewayProcess } from "#tools/world/gateway.ts";

export interface Processes {
  readonly supervisor: number;
  readonly broker: number | undefined;
  readonly workers: readonly number[];
}

export function processesOf(gateway: Pick<GatewayProcess, "pids">): Processes {
  const [supervisor = -1, ...children] = gateway.pids();
  return {
    supervisor,
    broker: children.find((pid) => runs(pid, "broker-worker")),
    workers: children.filter((pid) => runs(pid, "sidecar-worker")),
  };
}

/** Whether the process has this client's connection. */
export function holds(pid: number, { localPort }: { readonly localPort: number }): boolean {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => /^socket:\[(\d+)\]$/.exec(linkOf(pid, fd))?.[1] ?? []),
  );
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .some((line) => {
      const [, , remote = "", , , , , , , inode = ""] = line.trim().split(/\s+/);
      return sockets.has(inode) && Number.parseInt(remote.split(":")[1] ?? "", 16) === localPort;
    });
}

export function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    // A zombie is as good as gone.
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

function runs(pid: number, program: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(program);
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** A descriptor may be closed while we look. */
function linkOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return ["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "");
}
