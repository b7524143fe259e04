/** How the real program starts: from which files, on which listeners, and what it says when it cannot. */
import assert from "node:assert/strict";
import { once as event } from "node:events";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import pg from "pg";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { connected, refusedWith, rows } from "./support/clients.ts";
import { sharedIssuer, until } from "./support/in-process.ts";
import { AUDIENCE, type Folders, gateway, listener, policy } from "./support/kinds.ts";
import { BROKER_UID, NotStarted, SHARED_GID, isRoot, startGateway } from "./support/processes.ts";
import { prepared } from "./support/running.ts";

const real = { skip: skipWithoutPostgres(18), timeout: 90_000 };

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

test("a port of 127.0.0.1 serves the one local user that it is for", real, async () => {
  const folders = await prepared();
  using _folders = folders;
  const { tokenFile } = folders;
  const forUser = (name: string, uid: number): object =>
    listener({ name, address: { host: "127.0.0.1", port: 0 }, identity: { ambient: { tokenFile, uid } } });
  const own = process.getuid?.() ?? 0;
  folders.write("gateway.yaml", gateway(forUser("ours", own), forUser("theirs", own + 4_242)));
  if (isRoot) folders.handOver(BROKER_UID, SHARED_GID);
  await using started = await startGateway({ config: folders.config, data: join(folders.root, "data") });
  const reach = async (name: string): Promise<void> => {
    const client = await connected({ port: started.ports.get(name) ?? 0 });
    await client.end();
  };
  await reach("ours");
  await refusedWith(reach("theirs"), "IDENTITY_INVALID");
});

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
});
