/** Whose a folder is that outlived its process: a mark in it tells, even when the same pid is somebody else by now. */
import { readFileSync, readlinkSync } from "node:fs";

/** A file of this name in a folder says who removes it. */
export const OWNER_FILE = "owner";

interface Owner {
  readonly boot: string;
  /** A folder of another pid namespace's is not ours to judge. */
  readonly pidNamespace: string;
  readonly pid: number;
  readonly startTicks: string;
}

export function ownerMark(): string {
  const owner: Owner = { ...here(), pid: process.pid, startTicks: startTicksOf(process.pid) ?? "" };
  return JSON.stringify(owner);
}

export function isOrphaned(mark: string): boolean {
  const { boot, pidNamespace, pid, startTicks } = JSON.parse(mark) as Owner;
  const now = here();
  if (boot !== now.boot) return true;
  return pidNamespace === now.pidNamespace && startTicksOf(pid) !== startTicks;
}

function here(): Pick<Owner, "boot" | "pidNamespace"> {
  return {
    boot: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    pidNamespace: readlinkSync("/proc/self/ns/pid"),
  };
}

/** When the process began, in the kernel's ticks; nothing when it is gone, or dead and not yet collected. */
function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold anything; the state is field 3 of proc_pid_stat(5), the start field 22.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}
