/** Nothing of a cluster outlives whoever started it, however that one ends. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { sweepOrphans } from "#tools/cluster/sweep.ts";
import { isRunning } from "./processes.ts";

const GONE_MS_MAX = 10_000;
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

describe("a cluster of a runner's", { skip: skipWithoutApiTier() }, () => {
  for (const signal of ["SIGKILL", "SIGINT"] as const)
    test(`is gone after ${signal} to it: processes, folder, mounts`, async () => {
      const mounts = mountsNow();
      const { runner, started } = await startRunner();
      const { etcd, apiServer, folder } = started;
      assert.deepEqual([isRunning(etcd), isRunning(apiServer), existsSync(folder)], [true, true, true]);
      runner.kill(signal);
      await until(() => !isRunning(etcd) && !isRunning(apiServer) && !existsSync(folder));
      assert.deepEqual(mountsNow(), mounts);
    });

  test("is swept by the next start when its guards were killed with it", async () => {
    const { runner, started } = await startRunner();
    const { etcd, apiServer, folder } = started;
    const prefix = folder.slice(tmpdir().length + 1);
    await sweepOrphans(prefix);
    assert.ok(isRunning(etcd) && existsSync(folder), "what somebody uses is left alone");
    for (const guard of guardsOf(folder)) process.kill(guard, "SIGKILL");
    runner.kill("SIGKILL");
    await once(runner, "exit");
    assert.deepEqual([isRunning(etcd), isRunning(apiServer), existsSync(folder)], [true, true, true]);
    await sweepOrphans(prefix);
    await until(() => !isRunning(etcd) && !isRunning(apiServer));
    assert.equal(existsSync(folder), false);
  });
});

test("a sweep takes folders of an earlier boot, and leaves fresh, strange and living ones", async () => {
  const prefix = "sallyport-sweep-test-";
  const made = (mark?: object): string => {
    const folder = mkdtempSync(join(tmpdir(), prefix));
    if (mark !== undefined) writeFileSync(join(folder, "owner"), JSON.stringify(mark));
    return folder;
  };
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const gone = { boot, pidNamespace: "pid:[1]", pid: 1, startTicks: "-1" };
  const earlier = made({ ...gone, boot: "another" });
  const elsewhere = made(gone);
  const fresh = made();
  try {
    await sweepOrphans(prefix);
    assert.deepEqual([earlier, elsewhere, fresh].map(existsSync), [false, true, true]);
    await sweepOrphans(prefix, Date.now() + 3_600_000);
    assert.deepEqual([elsewhere, fresh].map(existsSync), [true, false]);
  } finally {
    for (const folder of [earlier, elsewhere, fresh]) rmSync(folder, { recursive: true, force: true });
  }
});

test("without Go the api tier says so in one line; under CI=true that is an error", () => {
  const script = `
    import { skipWithoutApiTier } from "#test/support/cluster.ts";
    console.log(skipWithoutApiTier());`;
  const run = (environment: Record<string, string>): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
      env: { PATH: "/nonexistent", HOME: process.env["HOME"] ?? "", ...environment },
    });
  const locally = run({});
  assert.deepEqual(
    [locally.status, locally.stdout],
    [0, "Go is missing: install Go 1.26 or newer for a cluster of tests\n"],
  );
  const inCi = run({ CI: "true" });
  assert.notEqual(inCi.status, 0);
  assert.match(String(inCi.stderr), /Go is missing/);
});

async function startRunner(): Promise<{ runner: ChildProcess; started: Started }> {
  const runner = spawn(process.execPath, ["--input-type=module", "-e", STARTS], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: runner.stdout });
  const [line] = (await once(lines, "line", { signal: AbortSignal.timeout(60_000) })) as [string];
  return { runner, started: JSON.parse(line) as Started };
}

/** The shells that wait beside the servers for their runner's end: they are told the folder as well. */
function guardsOf(folder: string): readonly number[] {
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

async function until(isSo: () => boolean): Promise<void> {
  for (const deadlineMs = Date.now() + GONE_MS_MAX; !isSo(); ) {
    assert.ok(Date.now() < deadlineMs, "something is still there");
    await pause(20);
  }
}
