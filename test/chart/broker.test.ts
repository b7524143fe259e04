/** The broker's program in a cluster: its trail on its own volume, and health that tells the truth. As it is shipped: test/installed. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { realDisk } from "#broker/trail/real-disk.ts";
import { verifyTrail } from "#broker/trail/verify.ts";
import { type BrokerReplica, openBrokerReplica } from "#operator/broker/replica.ts";
import { parseBrokerSettings } from "#operator/broker/settings.ts";
import { openLog } from "#runtime/log.ts";
import { ROOT } from "#test/architecture/sources.ts";
import { coded, PowerDisk } from "#test/trail/power-disk.ts";
import { type Child, startChild } from "#tools/world/child.ts";
import { compiledSources } from "#tools/world/compiled.ts";
import { eventually } from "./support/wait.ts";

const folder = mkdtempSync(join(tmpdir(), "sallyport-broker-"));
after(() => rmSync(folder, { recursive: true }));

const LISTENING = { host: "127.0.0.1", port: 0 };
let files = 0;

const PROGRAM = join(ROOT, "operator/broker/main.ts");

function start(settings: unknown): Child {
  files += 1;
  const config = join(folder, `broker-${files}.json`);
  writeFileSync(config, JSON.stringify(settings));
  return startChild([process.execPath, PROGRAM, "--config", config], { environment: compiledSources() });
}

const startOn = (state: string): Child => start({ state, logLevel: "info", observability: LISTENING });

async function health(child: Child): Promise<string> {
  const [, port] = await child.line(/"host":"127\.0\.0\.1","port":(\d+)/);
  return `http://127.0.0.1:${port}`;
}

test("is ready when its trail can be written, ends when told, and leaves a whole trail that the next one goes on with", async () => {
  const state = join(folder, "lasting");
  for (let starts = 1; starts <= 2; starts += 1) {
    await using broker = startOn(state);
    const url = await health(broker);
    assert.equal((await fetch(`${url}/livez`)).status, 200);
    assert.equal(await (await fetch(`${url}/readyz`)).text(), "ok\n");
    const metrics = await (await fetch(`${url}/metrics`)).text();
    for (const line of [/^sallyport_trail_ready 1$/m, /^sallyport_leases 0$/m, /^sallyport_problems 0$/m])
      assert.match(metrics, line);
    broker.kill("SIGTERM");
    assert.deepEqual(await broker.exited, { code: 0, signal: null });
    const { findings, leaves } = await verifyTrail({ disk: realDisk, directory: join(state, "trail") });
    assert.deepEqual(findings, []);
    assert.equal(leaves, 2 * starts, "one for the start and one for the end");
  }
});

test("survives SIGKILL with its name and its trail", async () => {
  const state = join(folder, "killed");
  const names: (string | undefined)[] = [];
  for (let starts = 1; starts <= 2; starts += 1) {
    await using broker = startOn(state);
    names.push((await broker.line(/"the broker runs","process":"broker","broker":"([0-9a-f]{16})"/))[1]);
    broker.kill("SIGKILL");
    await broker.exited;
  }
  assert.equal(names[0], names[1]);
});

test("two on one volume: the second says so and ends", async () => {
  const state = join(folder, "shared");
  await using first = startOn(state);
  await health(first);
  await using second = startOn(state);
  assert.equal((await second.exited).code, 1);
  assert.match(second.output(), /"the broker cannot run".*another process listens on .*\/trail\/lock/);
});

test("what it is told is read strictly", async () => {
  await using broker = start({ state: "relative", loglevel: "info", observability: LISTENING });
  assert.equal((await broker.exited).code, 78);
  assert.match(broker.output(), /state: expected an absolute path/);
  assert.match(broker.output(), /loglevel: there is no such field; did you mean "logLevel"\?/);
  assert.deepEqual(parseBrokerSettings("{"), [
    "not JSON: Expected property name or '}' in JSON at position 1 (line 1 column 2)",
  ]);
});

const quiet = openLog({ write: () => undefined, nowMs: Date.now, level: "error" });

function replicaOn(disk: PowerDisk): Promise<BrokerReplica> {
  const settings = { state: "/state", logLevel: "error", observability: LISTENING } as const;
  return openBrokerReplica({ settings, disk, log: quiet, volumeEveryMs: 10 });
}

async function readiness({ observability: { port } }: BrokerReplica): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/readyz`)).text();
}

for (const [what, code] of [
  ["is full", "ENOSPC"],
  ["has become read-only", "EROFS"],
] as const) {
  test(`a volume that ${what} is told of although nobody writes, and so is its recovery`, async () => {
    const disk = new PowerDisk();
    await using replica = await replicaOn(disk);
    assert.equal(await readiness(replica), "ok\n");
    disk.faults = {
      before: () => {
        throw coded(code);
      },
    };
    let said = "";
    await eventually(
      async () => ((said = await readiness(replica)).includes(code) ? true : undefined),
      () => `it says ${said}`,
    );
    assert.match(said, /^the volume cannot be written: /);
    disk.faults = {};
    await eventually(
      async () => ((said = await readiness(replica)) === "ok\n" ? true : undefined),
      () => `it says ${said}`,
    );
  });
}

test("a trail that could not be begun is begun when there is room, without anybody asking", async () => {
  const disk = new PowerDisk();
  let isFull = true;
  disk.faults = {
    before: (operation, path) => {
      if (isFull && operation === "write" && path.startsWith("/state/trail")) throw coded("ENOSPC");
    },
  };
  await using replica = await replicaOn(disk);
  assert.match(await readiness(replica), /^the trail cannot be written: /);
  isFull = false;
  await eventually(
    async () => ((await readiness(replica)) === "ok\n" ? true : undefined),
    () => "the trail is not begun",
  );
});

test("one that is to end is not ready", async () => {
  await using replica = await replicaOn(new PowerDisk());
  replica.retire();
  assert.equal(await readiness(replica), "shutting down\n");
});
