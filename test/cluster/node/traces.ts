/** What a cluster leaves traces of on its host, and what is left when it is gone. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { basename } from "node:path";

export interface Traced {
  readonly folder: string;
  /** The host's end of its network. */
  readonly hostAddress: string;
  readonly podRange: string;
  /** Of its processes; read while it lives. */
  readonly pidNamespace: string;
}

export interface Traces {
  readonly processes: number;
  readonly controlGroups: number;
  readonly mounts: number;
  readonly addresses: number;
  readonly routes: number;
  readonly folder: boolean;
}

export const NOTHING: Traces = {
  processes: 0,
  controlGroups: 0,
  mounts: 0,
  addresses: 0,
  routes: 0,
  folder: false,
};

export function tracesOf({ folder, hostAddress, podRange, pidNamespace }: Traced): Traces {
  const name = basename(folder);
  return {
    processes: pids().filter((pid) => linkOf(`/proc/${pid}/ns/pid`) === pidNamespace).length,
    controlGroups: readdirSync("/sys/fs/cgroup").filter((group) =>
      existsSync(group === name ? `/sys/fs/cgroup/${group}` : `/sys/fs/cgroup/${group}/${name}`),
    ).length,
    mounts: count(readFileSync("/proc/self/mounts", "utf8"), name),
    addresses: count(said("ip", "-oneline", "address"), `${hostAddress}/`),
    routes: count(said("ip", "route"), podRange),
    folder: existsSync(folder),
  };
}

/** What holds for the whole host: a cluster changes none of it while it lives, let alone after. */
export function hostSettings(): object {
  const sysctls = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/ipv4/ip_forward",
    "net/netfilter/nf_conntrack_max",
  ];
  const folders = [
    "/",
    "/etc",
    "/etc/cni",
    "/opt",
    "/opt/containerd",
    "/usr/libexec",
    "/var/lib",
    "/var/log",
    "/mnt",
  ];
  return {
    sysctls: sysctls.map((name) => `${name}=${textOf(`/proc/sys/${name}`)}`),
    rules: said("nft", "list", "ruleset"),
    folders: folders.map(
      (folder) => `${folder}: ${existsSync(folder) ? readdirSync(folder).sort().join(" ") : "-"}`,
    ),
  };
}

export function pidNamespaceOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/ns/pid`);
}

function pids(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // It has ended since /proc was listed.
    return undefined;
  }
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8").trim() : "-";
}

function said(program: string, ...words: readonly string[]): string {
  const { stdout, status, error } = spawnSync(program, words, { encoding: "utf8" });
  if (status !== 0) throw error ?? new Error(`${program} ended with ${status}`);
  return stdout;
}

function count(text: string, part: string): number {
  return text.split("\n").filter((line) => line.includes(part)).length;
}
