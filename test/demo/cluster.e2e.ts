/** `make demo CLUSTER=1` shows what it says, and leaves nothing behind, however it ends. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, describe, test } from "node:test";
import { ROOT } from "#test/architecture/sources.ts";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";

interface Demo {
  readonly child: ChildProcess;
  readonly folder: string;
  output(): string;
  readonly exited: Promise<number | null>;
}

function demo(t: TestContext, words: readonly string[]): Demo {
  const folder = mkdtempSync(join(tmpdir(), "sp-"));
  const child = spawn("make", ["demo", "CLUSTER=1", ...words], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, as a terminal's Ctrl-C finds it.
    detached: true,
    env: { ...process.env, TMPDIR: folder, MAKEFLAGS: "" },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const exited = once(child, "close").then(([code]) => code as number | null);
  t.after(async () => {
    const isOver = child.exitCode !== null || child.signalCode !== null;
    if (!isOver && child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });
  return { child, folder, output: () => output, exited };
}

/** Processes that name the folder, or anything in it. */
function processesOf(folder: string): readonly string[] {
  return globSync("/proc/[0-9]*/cmdline").flatMap((file) => {
    try {
      const line = readFileSync(file, "latin1");
      return line.includes(folder) ? [line.replaceAll("\0", " ")] : [];
    } catch {
      // It has ended since.
      return [];
    }
  });
}

async function until({ child, output, exited }: Demo, text: string): Promise<void> {
  while (!output().includes(text)) {
    assert.ok(child.exitCode === null && child.signalCode === null, output());
    assert.ok(child.stdout);
    await Promise.race([once(child.stdout, "data"), exited]);
  }
}

describe("the demo in a cluster", { skip: skipWithoutNodeTier() }, () => {
  test("shows every step and ends by itself", async (t) => {
    const { exited, output, folder } = demo(t, ["ONCE=1"]);
    assert.equal(await exited, 0, output());
    for (const wanted of [
      /got +pod agent-\S+: gw-init gw agent/,
      /Ada Becker \| \*\*\*/,
      /refused +ERROR: This reads a whole table\./,
      /refused +ERROR: no rule allows this: ddl on public\.orders/,
      /ok +trust +the pod is as it was admitted/,
      /192\.0\.2\.1:80 {2}once/,
      /got +\*\*\*\|\*\*\*\n/,
      /got +1 session ended/,
      /refused +FATAL: an administrator ended this session/,
      /is gone; who ended it is on record/,
    ])
      assert.match(output(), wanted);
    assert.ok(!output().includes("@example.com"), "an address came through");
    assert.deepEqual(globSync(`${folder}/*`), []);
    assert.deepEqual(processesOf(folder), []);
  });

  test("stays up until Ctrl-C, by which everything goes", async (t) => {
    const running = demo(t, []);
    await until(running, "Ctrl-C ends it");
    const { child, exited, output, folder } = running;
    const [, kubeconfig = ""] = /export KUBECONFIG=(\S+)/.exec(output()) ?? [];
    assert.ok(existsSync(kubeconfig), kubeconfig);
    process.kill(-(child.pid ?? 0), "SIGINT");
    await exited;
    assert.ok(!existsSync(dirname(kubeconfig)), "the cluster's folder is gone");
    assert.deepEqual(globSync(`${folder}/*`), []);
    assert.deepEqual(processesOf(folder), []);
    assert.deepEqual(processesOf(dirname(kubeconfig)), []);
  });

  test("is interrupted while it starts, and leaves nothing", async (t) => {
    const running = demo(t, []);
    await until(running, "starting a Kubernetes");
    process.kill(-(running.child.pid ?? 0), "SIGINT");
    await running.exited;
    assert.deepEqual(globSync(`${running.folder}/*`), []);
    assert.deepEqual(processesOf(running.folder), []);
  });
});
