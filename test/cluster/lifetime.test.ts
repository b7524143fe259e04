/** Nothing of a cluster outlives whoever started it. Other ways to end, and clusters beside each other: lifetime.e2e.ts. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { sweepOrphans } from "#tools/cluster/sweep.ts";
import { compiledSources } from "#tools/world/compiled.ts";
import { goneAfter } from "./runner.ts";

test(
  "a cluster is gone after SIGKILL to its runner: processes, folder, mounts",
  { skip: skipWithoutApiTier() },
  () => goneAfter("SIGKILL"),
);

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
      env: { PATH: "/nonexistent", HOME: process.env["HOME"] ?? "", ...compiledSources(), ...environment },
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
