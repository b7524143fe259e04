/** A process that has started a cluster, to be ended without warning; and what of the cluster is left then. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { isRunning } from "./processes.ts";

const GONE_MS_MAX = 30_000;
const STARTS = `
  import { startApiTier } from "#tools/cluster/api-tier.ts";
  const api = await startApiTier();
  console.log(JSON.stringify({ ...api.pids(), folder: api.folder }));
  setInterval(() => {}, 60_000);`;

interface Started {
  readonly etcd: number;
  readonly apiServer: number;
  readonly folder: string;
}

/** Its processes, its folder and its mounts go with the runner. */
export async function goneAfter(signal: "SIGKILL" | "SIGINT"): Promise<void> {
  const mounts = mountsNow();
  const { runner, started } = await startRunner();
  const { etcd, apiServer, folder } = started;
  assert.deepEqual([isRunning(etcd), isRunning(apiServer), existsSync(folder)], [true, true, true]);
  runner.kill(signal);
  await until(() => !isRunning(etcd) && !isRunning(apiServer) && !existsSync(folder));
  assert.deepEqual(mountsNow(), mounts);
}

export async function startRunner(): Promise<{ runner: ChildProcess; started: Started }> {
  const runner = spawn(process.execPath, ["--input-type=module", "-e", STARTS], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: runner.stdout });
  const [line] = (await once(lines, "line", { signal: AbortSignal.timeout(60_000) })) as [string];
  return { runner, started: JSON.parse(line) as Started };
}

/** The shells that wait beside the servers for their runner's end: they are told the folder as well. */
export function guardsOf(folder: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const words = commandOf(pid);
      return words[0] === "sh" && words.includes(folder);
    });
}

function commandOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    // It has ended since /proc was listed.
    return [];
  }
}

function mountsNow(): readonly string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes("sallyport-api-"));
}

export async function until(isSo: () => boolean): Promise<void> {
  for (const deadlineMs = Date.now() + GONE_MS_MAX; !isSo(); ) {
    assert.ok(Date.now() < deadlineMs, "something is still there");
    await pause(20);
  }
}
