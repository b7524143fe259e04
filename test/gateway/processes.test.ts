/** The real program with its real processes: what starts, what is started again, and what is left when it ends. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once as event } from "node:events";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import pg from "pg";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Client, connected, once, refusedWith, rows } from "./support/clients.ts";
import { sharedIssuer, sharedUpstream, until } from "./support/in-process.ts";
import {
  AUDIENCE,
  type Folders,
  UPSTREAM_PASSWORD,
  connection,
  gateway,
  listener,
  makeFolders,
  policy,
  provider,
} from "./support/kinds.ts";
import {
  BROKER_UID,
  NotStarted,
  type RunningGateway,
  SHARED_GID,
  isAlive,
  isRoot,
  startGateway,
} from "./support/processes.ts";

const real = { skip: skipWithoutPostgres(18), timeout: 90_000 };
const SLEEPER = {
  name: "wait",
  postgres: { preset: "readOnly", tables: ["public.*"], functions: ["pg_catalog.pg_sleep"] },
};

async function prepared(...listeners: readonly object[]): Promise<Folders> {
  const [issuer, upstream] = await Promise.all([sharedIssuer(), sharedUpstream()]);
  const folders = makeFolders();
  const passwordFile = join(folders.root, "password");
  writeFileSync(passwordFile, UPSTREAM_PASSWORD, { mode: 0o600 });
  writeFileSync(folders.tokenFile, await issuer.issue("agent", AUDIENCE), { mode: 0o600 });
  folders.write("identity.yaml", provider(issuer));
  folders.write("connection.yaml", connection(upstream.port, passwordFile));
  folders.write("policies.yaml", policy({ allow: [SLEEPER] }));
  const { tokenFile } = folders;
  const standard = listener({
    address: { host: "127.0.0.1", port: 0 },
    identity: { ambient: { tokenFile } },
  });
  folders.write("gateway.yaml", gateway(...(listeners.length === 0 ? [standard] : listeners)));
  if (isRoot) folders.handOver(BROKER_UID, SHARED_GID);
  return folders;
}

interface Running extends AsyncDisposable {
  readonly folders: Folders;
  readonly gateway: RunningGateway;
  readonly port: number;
}

async function running(workers: number, options: readonly string[] = []): Promise<Running> {
  const folders = await prepared();
  const started = await startGateway({
    config: folders.config,
    data: join(folders.root, "data"),
    workers,
    options,
  });
  return {
    folders,
    gateway: started,
    port: started.ports.get("agents") ?? 0,
    [Symbol.asyncDispose]: async () => {
      await started[Symbol.asyncDispose]();
      folders[Symbol.dispose]();
    },
  };
}

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
  const open = /^sallyport_sessions_open\{listener="agents",worker="(\d)"\} (\d+)$/gm;
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
  const { connect } = await import("#tools/postgres/client.ts");
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
  await until(() => children.every(({ pid }) => !isAlive(pid)), 15_000);
  await assert.rejects(rows(client, "select 1"));
});

test("a folder that is swapped as Kubernetes swaps it is in force, in open sessions too", real, async () => {
  const folders = await prepared();
  using _folders = folders;
  const mount = join(folders.root, "mount");
  const version = (name: string, ...policies: readonly object[]): void => {
    const folder = join(mount, name);
    mkdirSync(folder, { recursive: true });
    for (const file of readdirSync(folders.config).filter(
      (one) => one.endsWith(".yaml") && one !== "policies.yaml",
    ))
      symlinkIfAbsent(join(folders.config, file), join(mount, file));
    writeFileSync(join(folder, "policies.yaml"), policies.map((one) => JSON.stringify(one)).join("\n---\n"));
    symlinkSync(name, join(mount, "..data_tmp"));
    renameSync(join(mount, "..data_tmp"), join(mount, "..data"));
    symlinkIfAbsent("..data/policies.yaml", join(mount, "policies.yaml"));
  };
  version("..1", policy());
  if (isRoot) folders.handOver(BROKER_UID, SHARED_GID);
  await using started = await startGateway({ config: mount, data: join(folders.root, "data") });
  const all = { port: started.ports.get("agents") ?? 0 };
  const client = await connected(all);
  assert.deepEqual(await rows(client, "select count(*) from orders"), [{ count: "1000" }]);
  const narrow = { name: "read", postgres: { preset: "readOnly", tables: ["public.nothing"] } };
  version("..2", policy({ allow: [narrow] }));
  await until(() =>
    rows(client, "select count(*) from orders").then(
      () => false,
      () => true,
    ),
  );
  await refusedWith(rows(client, "select count(*) from orders"), "DENY_NO_RULE");
  await client.end();
});

function symlinkIfAbsent(target: string, path: string): void {
  if (!existsSync(path)) symlinkSync(target, path);
}

interface Wrong {
  readonly listeners?: (folders: Folders) => readonly object[];
  readonly breaks?: (folders: Folders) => void;
  readonly data?: string;
  readonly says: RegExp;
}

const WRONG: Readonly<Record<string, Wrong>> = {
  "no Gateway": {
    breaks: (folders) => folders.remove("gateway.yaml"),
    says: /there is no valid Gateway below .*sallyport lint/,
  },
  "two Gateways": {
    breaks: (folders) => folders.write("other.yaml", twin(folders)),
    says: /there are 2 Gateways below .*\(host, twin\).*keep one/,
  },
  "a folder that is not there": {
    listeners: ({ tokenFile }) => [socketIn("/nowhere/at/all", tokenFile)],
    says: /install -d -m 0700 \/nowhere\/at\/all/,
  },
  "a socket whose folder is open to all": {
    listeners: ({ root, tokenFile }) => {
      mkdirSync(join(root, "open"), { mode: 0o777 });
      return [socketIn(join(root, "open"), tokenFile)];
    },
    says: /chmod o= .*open/,
  },
  "a data folder that cannot be made": { data: "/etc/passwd/data", says: /--data DIR/ },
};

const socketIn = (folder: string, tokenFile: string): object =>
  listener({ socket: join(folder, ".s.PGSQL.5432"), identity: { ambient: { tokenFile } } });

function twin({ tokenFile }: Folders): object {
  const other = gateway(
    listener({ address: { host: "127.0.0.1", port: 0 }, identity: { ambient: { tokenFile } } }),
  );
  return { ...other, metadata: { name: "twin" } };
}

for (const [what, { listeners, breaks, data, says }] of Object.entries(WRONG)) {
  test(`${what}: it does not start and says what to do`, real, async () => {
    const folders = await prepared();
    using _folders = folders;
    if (listeners !== undefined) folders.write("gateway.yaml", gateway(...listeners(folders)));
    breaks?.(folders);
    if (isRoot) folders.handOver(BROKER_UID, SHARED_GID);
    const start = { config: folders.config, data: data ?? join(folders.root, "data") };
    await assert.rejects(startGateway(start), (error) => {
      assert.ok(error instanceof NotStarted);
      assert.equal(error.how, 2);
      assert.match(error.message, says);
      return true;
    });
  });
}

test("a taken port: it does not start and says which", real, async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await event(taken, "listening");
  const { port } = taken.address() as { port: number };
  const folders = await prepared();
  using _folders = folders;
  const { tokenFile } = folders;
  folders.write(
    "gateway.yaml",
    gateway(listener({ address: { host: "127.0.0.1", port }, identity: { ambient: { tokenFile } } })),
  );
  if (isRoot) folders.handOver(BROKER_UID, SHARED_GID);
  await assert.rejects(
    startGateway({ config: folders.config, data: join(folders.root, "data") }),
    new RegExp(`port ${port} on 127\\.0\\.0\\.1 is taken`),
  );
  taken.close();
});

test("over a unix socket, and over TLS with a token that the client brings", real, async () => {
  const folders = await prepared();
  using _folders = folders;
  const agent = join(folders.root, "agent");
  mkdirSync(agent, { mode: 0o700 });
  const perClient = { providers: ["test"] };
  folders.write(
    "gateway.yaml",
    gateway(
      { ...socketIn(agent, folders.tokenFile), name: "local" },
      listener({ name: "remote", address: { host: "127.0.0.1", port: 0 }, identity: { perClient } }),
    ),
  );
  if (isRoot) folders.handOver(BROKER_UID, SHARED_GID);
  await using started = await startGateway({ config: folders.config, data: join(folders.root, "data") });
  const overSocket = new pg.Client({ host: agent, port: 5432, user: "agent", database: "postgres" });
  await overSocket.connect();
  assert.deepEqual(await rows(overSocket, "select 1 as one"), [{ one: 1 }]);
  await overSocket.end();
  const { readFileSync } = await import("node:fs");
  const ca = readFileSync(join(started.data, "ca.pem"), "utf8");
  const password = await (await sharedIssuer()).issue("agent", AUDIENCE);
  const bring = async (more: { password: string; ssl?: { ca: string } }): Promise<unknown> => {
    const client = new pg.Client({
      host: "localhost",
      port: started.ports.get("remote") ?? 0,
      user: "agent",
      database: "postgres",
      ...more,
    });
    client.on("error", () => undefined);
    await client.connect();
    const [row] = await rows(client, "select 1 as one");
    await client.end();
    return row;
  };
  assert.deepEqual(await bring({ password, ssl: { ca } }), { one: 1 });
  await refusedWith(bring({ password }), "CLIENT_TLS_REQUIRED");
  await refusedWith(bring({ password: "hunter2", ssl: { ca } }), "IDENTITY_INVALID");
  await assert.rejects(bring({ password, ssl: { ca: "" } }));
  assert.ok(existsSync(dirname(agent)));
});
