/** Nothing of a cluster with a node outlives its owner, however that one ends; and clusters do not meet. */
import assert from "node:assert/strict";
import { type ChildProcess, type SpawnSyncReturns, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";
import { clientPaths } from "#tools/cluster/clients.ts";
import { sweep } from "#tools/cluster/node/folder.ts";
import { NOTHING, type Traced, hostSettings, pidNamespaceOf, tracesOf } from "./traces.ts";

const run = promisify(execFile);
const skipUnlessRoot = process.getuid?.() === 0 ? false : "only root can be somebody else";
const GONE_MS_MAX = 20_000;
const START_MS_MAX = 120_000;

/** A node without Kubernetes: what has to go is all there. */
const HOLDS_MACHINE = `
  import { copyFile } from "node:fs/promises";
  import { makeControlGroups } from "#tools/cluster/node/cgroups.ts";
  import { nameOf, newFolder } from "#tools/cluster/node/folder.ts";
  import { pauseProgram } from "#tools/cluster/node/images.ts";
  import { startMachine } from "#tools/cluster/node/machine.ts";
  import { connectToHost } from "#tools/cluster/node/network.ts";
  const folder = await newFolder();
  await copyFile(await pauseProgram(), folder + "/pause");
  const machine = await startMachine(folder, []);
  makeControlGroups(nameOf(folder));
  const network = await connectToHost(machine);
  machine.start("sleep", ["sleep", "infinity"]);
  console.log(JSON.stringify({ folder, pid: machine.pid, ...network }));
  setInterval(() => {}, 60_000);`;

/** A whole one with a pod. */
const HOLDS_CLUSTER = `
  import { setTimeout as pause } from "node:timers/promises";
  import { CoreV1Api } from "@kubernetes/client-node";
  import { PAUSE_IMAGE } from "#tools/cluster/node/containerd.ts";
  import { startNodeTier } from "#tools/cluster/node/node-tier.ts";
  const node = await startNodeTier();
  const core = node.config.makeApiClient(CoreV1Api);
  const namespace = await node.namespace();
  const containers = [{ name: "main", image: PAUSE_IMAGE }];
  await core.createNamespacedPod({ namespace, body: { metadata: { name: "one" }, spec: { containers } } });
  const isRunning = async () => (await core.readNamespacedPod({ namespace, name: "one" })).status?.phase === "Running";
  while (!(await isRunning())) await pause(50);
  const { folder, pid, hostAddress, podRange } = node;
  console.log(JSON.stringify({ folder, pid, hostAddress, podRange }));
  setInterval(() => {}, 60_000);`;

describe("a cluster with a node", { skip: skipWithoutNodeTier() }, () => {
  test("is gone after kill -9 to its runner; one that was left standing beside it stands, until it is told", async () => {
    const settings = hostSettings();
    await using standing = standingPlace();
    const standingUp = standing.up();
    await using doomed = await startRunner(HOLDS_CLUSTER);
    const words = await standingUp;
    const kubeconfig = /KUBECONFIG=(\S+)/.exec(words)?.[1] ?? "";
    assert.ok(existsSync(kubeconfig));
    const seen = tracesOf(doomed.traced);
    assert.ok(seen.processes >= 8 && seen.controlGroups > 0 && seen.folder, "what is looked for can be seen");
    doomed.runner.kill("SIGKILL");
    await untilGone(doomed.traced);

    const nodes = (): Promise<{ stdout: string }> =>
      run(clientPaths().kubectl, ["get", "nodes", "--no-headers", "--request-timeout=10s"], {
        env: { KUBECONFIG: kubeconfig, KUBECACHEDIR: `${kubeconfig}.cache` },
      });
    assert.match((await nodes()).stdout, /^node +Ready /);
    assert.equal(await standing.up(), words, "there is one already");
    const hostAddress = readFileSync(kubeconfig, "utf8")
      .match(/10\.200\.\d+\./)?.[0]
      .concat("1");
    assert.ok(addressesOfHost().includes(hostAddress));
    await standing.down();
    assert.equal(existsSync(kubeconfig), false);
    assert.equal(addressesOfHost().includes(hostAddress), false);
    assert.deepEqual(hostSettings(), settings);
  });

  test("is gone after Ctrl-C to its runner", async () => {
    await using started = await startRunner(HOLDS_MACHINE);
    const seen = tracesOf(started.traced);
    assert.ok(seen.processes > 0 && seen.controlGroups > 0);
    assert.deepEqual([seen.addresses, seen.routes, seen.folder], [1, 1, true]);
    started.runner.kill("SIGINT");
    await untilGone(started.traced);
  });

  test("is swept by the next start when its guard was killed with its runner, and only then", async () => {
    // Another start anywhere else would sweep it first.
    using place = new DisposableStack();
    const folder = mkdtempSync(`${tmpdir()}/sallyport-swept-`);
    place.defer(() => rmSync(folder, { recursive: true }));
    await using started = await startRunner(HOLDS_MACHINE, { TMPDIR: folder });
    const { runner, traced } = started;
    await sweep(folder);
    assert.deepEqual(tracesOf(traced).folder, true, "what somebody uses is left alone");
    for (const guard of guardsOf(traced.folder)) process.kill(guard, "SIGKILL");
    runner.kill("SIGKILL");
    await until(() => tracesOf(traced).processes === 0);
    const left = tracesOf(traced);
    assert.ok(left.folder && left.controlGroups > 0, "there is something to sweep");
    await sweep(folder);
    assert.deepEqual(tracesOf(traced), NOTHING);
  });
});

test("without root the node tier says so in one line; under CI=true that is an error", {
  skip: skipUnlessRoot,
}, () => {
  const script = `
    import { skipWithoutNodeTier } from "#test/support/cluster.ts";
    console.log(skipWithoutNodeTier());`;
  const asNobody = (environment: Record<string, string>): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
      uid: 65_534,
      gid: 65_534,
      env: environment,
    });
  const locally = asNobody({});
  assert.deepEqual([locally.status, locally.stdout], [0, "a node for tests needs root\n"], locally.stderr);
  const inCi = asNobody({ CI: "true" });
  assert.notEqual(inCi.status, 0);
  assert.match(inCi.stderr, /a node for tests needs root/);
});

interface Started extends AsyncDisposable {
  readonly runner: ChildProcess;
  readonly traced: Traced;
}

async function startRunner(
  script: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Started> {
  const runner = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...environment },
  });
  const exited = once(runner, "exit");
  const stop = async (): Promise<void> => {
    runner.kill("SIGKILL");
    await exited;
  };
  try {
    const lines = createInterface({ input: runner.stdout });
    const signal = AbortSignal.timeout(START_MS_MAX);
    const over = exited.then(() => assert.fail("the runner has ended"));
    const [line] = (await Promise.race([once(lines, "line", { signal }), over])) as [string];
    over.catch(() => undefined);
    const { pid, ...facts } = JSON.parse(line) as Omit<Traced, "pidNamespace"> & { readonly pid: number };
    return { runner, traced: { ...facts, pidNamespace: pidNamespaceOf(pid) }, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** `make cluster` and `make cluster-down`, at a place of this test's own. */
function standingPlace() {
  const folder = mkdtempSync(`${tmpdir()}/sallyport-standing-`);
  const env = { ...process.env, SALLYPORT_CLUSTER: folder };
  const node = async (program: string, ...words: readonly string[]): Promise<string> => {
    const file = fileURLToPath(new URL(`../../../tools/cluster/node/${program}`, import.meta.url));
    return (await run(process.execPath, [file, ...words], { env, timeout: START_MS_MAX })).stdout;
  };
  return {
    up: () => node("up.ts", "--bare"),
    down: () => node("down.ts"),
    async [Symbol.asyncDispose]() {
      await node("down.ts");
      rmSync(folder, { recursive: true });
    },
  };
}

function addressesOfHost(): readonly (string | undefined)[] {
  return Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address));
}

/** The shells beside the holder that wait for its owner's end. */
function guardsOf(folder: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const words = commandOf(pid);
      return words.some((word) => word.endsWith("/hold.sh")) && words.includes(folder);
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

async function untilGone(traced: Traced): Promise<void> {
  await until(() => {
    const { processes, controlGroups, addresses, folder } = tracesOf(traced);
    return processes + controlGroups + addresses === 0 && !folder;
  });
  assert.deepEqual(tracesOf(traced), NOTHING);
}

async function until(isSo: () => boolean): Promise<void> {
  for (const deadlineMs = Date.now() + GONE_MS_MAX; !isSo(); await pause(20))
    assert.ok(Date.now() < deadlineMs, "something is still there");
}
