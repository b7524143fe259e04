/** The real program with its real processes: what starts, what is started again, and what is left when it ends. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import pg from "pg";
import { connect } from "#tools/postgres/client.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Client, connected, once, rows } from "./support/clients.ts";
import { sharedUpstream, until } from "./support/in-process.ts";
import { isAlive } from "./support/processes.ts";
import { type Running, running } from "./support/running.ts";

const real = { skip: skipWithoutPostgres(18), timeout: 90_000 };

let shared: Promise<Running> | undefined;
after(async () => (await shared)?.[Symbol.asyncDispose]());
/** One gateway for all tests that leave it as they found it. */
function sharedGateway(): Promise<Running> {
  shared ??= running(4);
  return shared;
}

const page = async ({ gateway: { health } }: Running, path: string): Promise<Response> =>
  fetch(`${health}${path}`);

test("it says how to connect, serves, and tells that it is ready", real, async () => {
  const all = await sharedGateway();
  assert.match(
    all.gateway.said.join("\n"),
    /ready {2}agents: psql "host=127\.0\.0\.1 port=\d+ dbname=postgres user=agent"/,
  );
  assert.deepEqual(await once(all), { count: "1000" });
  assert.equal((await page(all, "/livez")).status, 200);
  assert.equal((await page(all, "/readyz")).status, 200);
  const kinds = all.gateway.children().map(({ kind }) => kind);
  assert.deepEqual(kinds.toSorted(), ["broker", "worker", "worker", "worker", "worker"]);
});

test("sessions are spread over the workers, and each of them has the plan in force", real, async () => {
  const all = await sharedGateway();
  const clients = await Promise.all(Array.from({ length: 8 }, () => connected(all)));
  const open = /^sallyport_sessions_open\{listener="agents",connection="[a-z/-]+",worker="(\d)"\} (\d+)$/gm;
  const text = await (await page(all, "/metrics")).text();
  const counts = Array.from(text.matchAll(open), ([, worker, count]) => [worker, count]);
  assert.deepEqual(
    counts.toSorted(),
    [1, 2, 3, 4].map((worker) => [String(worker), "2"]),
  );
  const applied = Array.from(text.matchAll(/^sallyport_plan_applied\{worker="\d"\} 1$/gm));
  assert.equal(applied.length, 4);
  await Promise.all(clients.map((client) => client.end()));
});

/** As libpq does: from a connection of its own, which any worker may get. */
async function cancel({ port }: Running, { processID, secretKey }: Client): Promise<void> {
  const other = new pg.Connection({ ssl: false });
  await new Promise<void>((resolve, reject) => {
    other.on("error", reject);
    other.on("connect", () => {
      other.cancel(processID, secretKey);
      resolve();
    });
    other.connect(port, "127.0.0.1");
  });
}

test("200 cancels through 4 workers: each reaches its own statement and no other", real, async (context) => {
  const all = await sharedGateway();
  const clients = await Promise.all(Array.from({ length: 50 }, () => connected(all)));
  const startMs = performance.now();
  for (let round = 0; round < 4; round += 1) {
    const ended = new Set<Client>();
    const running = new Map(
      clients.map((client) => [
        client,
        refusedByUpstream(client).finally(() => {
          ended.add(client);
        }),
      ]),
    );
    await until(async () => (await sleeping()) === clients.length);
    for (const [index, client] of shuffled(clients, round).entries()) {
      await cancel(all, client);
      assert.equal(await running.get(client), "57014");
      assert.equal(ended.size, index + 1, "a cancel reached another statement");
    }
  }
  context.diagnostic(`figure gateway.cancel-ms=${((performance.now() - startMs) / 200).toFixed(1)}`);
  await Promise.all(clients.map((client) => client.end()));
});

async function refusedByUpstream(client: Client): Promise<unknown> {
  try {
    await rows(client, "select pg_sleep(600)");
    return "it ran to its end";
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

async function sleeping(): Promise<number> {
  await using root = await connect(await sharedUpstream());
  const text = "select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep'";
  return Number((await root.query(text))[0]?.["n"]);
}

/** The same order for the same seed. */
function shuffled<Item>(items: readonly Item[], seed: number): readonly Item[] {
  return items
    .map((item, at) => ({ item, weight: ((at + 1) * 7919 * (seed + 3)) % 1009 }))
    .sort((a, b) => a.weight - b.weight)
    .map(({ item }) => item);
}

test("a worker that crashes is started again, and the port was never lost", real, async () => {
  await using all = await running(1);
  const before = await connected(all);
  const [worker] = all.gateway.children().filter(({ kind }) => kind === "worker");
  assert.ok(worker);
  process.kill(worker.pid, "SIGKILL");
  await until(() => !isAlive(worker.pid));
  // Arrives while nobody is there to serve it, and waits.
  assert.deepEqual(await once(all), { count: "1000" });
  await assert.rejects(rows(before, "select 1"));
  assert.ok(all.gateway.children().every(({ pid }) => pid !== worker.pid));
});

test("a broker that crashes is started again; sessions that are open go on", real, async () => {
  await using all = await running(1);
  const before = await connected(all);
  await rows(before, "select 1");
  const [broker] = all.gateway.children().filter(({ kind }) => kind === "broker");
  assert.ok(broker);
  process.kill(broker.pid, "SIGKILL");
  await until(async () => (await page(all, "/readyz")).status === 503);
  await until(async () => (await page(all, "/readyz")).status === 200, 20_000);
  assert.deepEqual(await once(all), { count: "1000" });
  assert.deepEqual(await rows(before, "select 1 as one"), [{ one: 1 }]);
  await before.end();
});

test("a broker that cannot start tries again until what stands in its way is mended", real, async () => {
  await using all = await running(1);
  const [broker] = all.gateway.children().filter(({ kind }) => kind === "broker");
  assert.ok(broker);
  const file = join(all.folders.config, "gateway.yaml");
  const good = readFileSync(file, "utf8");
  writeFileSync(file, "kind: Nonsense");
  process.kill(broker.pid, "SIGKILL");
  await until(() => all.gateway.log.some((line) => line.includes("no valid Gateway")));
  writeFileSync(file, good);
  await until(async () => (await page(all, "/readyz")).status === 200, 20_000);
  assert.deepEqual(await once(all), { count: "1000" });
});

test("SIGTERM lets sessions end by themselves, then tells them and leaves nothing", real, async () => {
  await using all = await running(2, ["--grace", "1"]);
  const children = all.gateway.children();
  const client = await connected(all);
  const ended = new Promise<Error & { detail?: string }>((resolve) => client.on("error", resolve));
  all.gateway.signal("SIGTERM");
  await assert.rejects(connected(all));
  assert.match((await ended).detail ?? "", /SHUTTING_DOWN/);
  assert.equal(await all.gateway.ended, 0);
  assert.deepEqual(
    children.filter(({ pid }) => isAlive(pid)),
    [],
  );
  for (const folder of ["port", "admin"]) assert.deepEqual(readdirSync(join(all.gateway.data, folder)), []);
});

test("a second signal does not wait for sessions", real, async () => {
  await using all = await running(1, ["--grace", "600"]);
  const client = await connected(all);
  client.on("error", () => undefined);
  all.gateway.signal("SIGINT");
  await until(() => all.gateway.log.some((line) => line.includes("a second signal")));
  all.gateway.signal("SIGINT");
  assert.equal(await all.gateway.ended, 0);
});

test("killed without a word it leaves no process behind", real, async () => {
  await using all = await running(2);
  const client = await connected(all);
  const children = all.gateway.children();
  assert.equal(children.length, 3);
  all.gateway.signal("SIGKILL");
  assert.equal(await all.gateway.ended, "SIGKILL");
  await until(() => children.every(({ pid }) => !isAlive(pid)), 30_000);
  await assert.rejects(rows(client, "select 1"));
});
