/** Clusters beside each other, and after whoever started them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, test } from "node:test";
import type { KubeConfig } from "@kubernetes/client-node";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { type ApiTier, startApiTier } from "#tools/cluster/api-tier.ts";
import { sweepOrphans } from "#tools/cluster/sweep.ts";
import { isRunning } from "./processes.ts";
import { goneAfter, guardsOf, startRunner, until } from "./runner.ts";
import { whoami } from "./whoami.ts";

describe("a cluster of a runner's", { skip: skipWithoutApiTier() }, () => {
  test("is gone after SIGINT to it: processes, folder, mounts", () => goneAfter("SIGINT"));

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

  test("shares nothing with a second one beside it, which leaves nothing behind", async () => {
    await using api = await startApiTier();
    const second = await startApiTier({
      flags: { "feature-gates": "AllAlpha=false", "max-requests-inflight": "77" },
    });
    const { etcd, apiServer } = second.pids();
    try {
      assert.notEqual(second.url, api.url);
      assert.ok(readFileSync(`/proc/${apiServer}/cmdline`, "utf8").includes("--max-requests-inflight=77"));
      const namespace = await second.namespace();
      const { code } = await api.kubectl(["get", "namespace", namespace]);
      assert.equal(code, 1);
      // Nor does the one know the other's users.
      await assert.rejects(whoami(atTheDoorOf(second, api)), { code: 401 });
    } finally {
      await second[Symbol.asyncDispose]();
    }
    assert.deepEqual(
      [isRunning(etcd), isRunning(apiServer), existsSync(second.folder)],
      [false, false, false],
    );
    assert.ok(existsSync(api.folder));
  });
});

/** The administrator of `home`, who does not mind whom they talk to. */
function atTheDoorOf(other: ApiTier, home: ApiTier): KubeConfig {
  const config = home.as("administrator", { groups: ["system:masters"] });
  config.clusters = config.clusters.map((cluster) => ({
    ...cluster,
    server: other.url,
    skipTLSVerify: true,
  }));
  return config;
}
