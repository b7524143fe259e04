/** Whether this machine can be a node. */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { apiTierProblem } from "../api-tier.ts";
import { CNI_PLUGINS } from "./containerd.ts";

const PROGRAMS = [
  "containerd",
  "ctr",
  "runc",
  "nft",
  "conntrack",
  "ip",
  "nsenter",
  "unshare",
  "setpriv",
  "flock",
  "gcc",
];
const FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Why it cannot run here, in one line; nothing when it can. */
export function nodeTierProblem(): string | undefined {
  if (process.platform !== "linux") return `a node for tests runs on Linux, not on ${process.platform}`;
  if (process.getuid?.() !== 0) return "a node for tests needs root";
  const problem = apiTierProblem();
  if (problem !== undefined) return problem;
  const missing = PROGRAMS.filter((program) => !FOLDERS.some((folder) => isProgram(`${folder}/${program}`)));
  if (!isProgram(`${CNI_PLUGINS}/ptp`)) missing.push("containernetworking-plugins");
  if (missing.length > 0) return `a node for tests lacks ${missing.join(", ")}: run \`make clients\``;
  const { status } = spawnSync("unshare", ["--mount", "--net", "--pid", "--ipc", "--fork", "true"]);
  return status === 0
    ? undefined
    : "a node for tests needs namespaces of its own, which this machine does not give";
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
