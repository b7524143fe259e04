/**
 * A pod without a cluster, in whole: gw-init's rules, the gateway, an agent's containers, and outside a broker with its trail and a
 * real PostgreSQL. Only the way from gateway to broker is another one: a socket.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { type Socket, connect as connectTo, createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Broker } from "#broker/broker.ts";
import { type ControlPlane, openControlPlane } from "#broker/process/control-plane.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import type { EventFields } from "#core/audit/requests.ts";
import { rowsOf, startReading } from "#cli/audit/rows.ts";
import { openLog } from "#runtime/log.ts";
import { openGwInit, runGwInit } from "#test/capture/support/gw-init.ts";
import {
  AGENT,
  type As,
  GATEWAY,
  type Network,
  WORLD,
  inside,
  openNetwork,
  startIn,
} from "#test/capture/support/network.ts";
import {
  UPSTREAM_PASSWORD,
  type Folders,
  connection,
  gateway,
  makeFolders,
  policy,
  provider,
  AUDIENCE,
} from "#test/gateway/support/kinds.ts";
import { startIssuer } from "#tools/oidc/issuer.ts";
import { connect } from "#tools/postgres/client.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import type { Child } from "#tools/world/child.ts";

const run = promisify(execFile);

/** Where the upstream is, as only the gateway's own name server knows it. */
export const UPSTREAM_NAME = "orders-db.example.com";
const [HOSTS, POISONED] = ["hosts", "hosts-poisoned"];
const UPSTREAM_PORT = 5432;

export interface Pod extends AsyncDisposable {
  readonly network: Network;
  readonly folders: Folders;
  readonly server: PostgresServer;
  /** Folders of the gateway, as its container would have them. */
  readonly paths: { readonly state: string; readonly ca: string };
  readonly gateway: () => Child;
  readonly outside: Child;
  broker(): Broker;
  startGateway(): Promise<void>;
  startBroker(): Promise<void>;
  stopBroker(): Promise<void>;
  /** What the gateway's container has from those of the pod that can write there. */
  poisoned(command: readonly string[]): Promise<string>;
  /** In one of the pod's containers. */
  agent(command: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Said>;
  start(command: readonly string[]): Promise<Child>;
  metrics(): Promise<string>;
  events(): Promise<readonly EventFields[]>;
}

export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const GATEWAY_PROGRAM = fileURLToPath(new URL("../programs/gateway.ts", import.meta.url));
const OUTSIDE = fileURLToPath(new URL("../programs/outside.ts", import.meta.url));
const POD = {
  POD_NAME: "agent-1",
  POD_NAMESPACE: "shop",
  POD_UID: "0b7c3c9e-1b1f-4c55-9a1d-6d2f2b0a1e11",
  NODE_NAME: "node-1",
  GW_BROKER: "sallyport-broker.sallyport-system.svc:8443",
  GW_RESOLVERS: WORLD.resolver,
};

export async function openPod(): Promise<Pod> {
  await using stack = new AsyncDisposableStack();
  const issuer = await startIssuer();
  stack.defer(() => issuer.stop());
  const server = stack.use(await startPostgres({ version: 18, tcp: true }));
  await prepare(server);
  const network = stack.use(await openNetwork());
  using init = await openGwInit();
  assert.equal(runGwInit(init.file, network.pod).status, 0);
  const folders = stack.use(makeFolders());
  chmodSync(folders.root, 0o755);
  const paths = { state: join(folders.root, "gw-state"), ca: join(folders.root, "gw-ca") };
  for (const path of Object.values(paths)) {
    mkdirSync(path, { mode: path === paths.state ? 0o700 : 0o755 });
    chownSync(path, GATEWAY.uid, GATEWAY.uid);
  }
  await writeKinds(folders, await issuer.issue("agent", AUDIENCE), provider(issuer));
  // The server is on this machine's loopback, which the pod's world does not have: a socket in a file leads there.
  const bridge = stack.use(await openBridge(join(folders.root, "bridge.sock"), server.port));
  const outside = stack.use(
    await startIn(network.world, undefined, [
      process.execPath,
      OUTSIDE,
      WORLD.resolver,
      UPSTREAM_NAME,
      WORLD.v4,
      String(UPSTREAM_PORT),
      bridge.path,
    ]),
  );
  await outside.line(/^listening$/m);

  const portPath = join(folders.root, "port", "broker.sock");
  let control: ControlPlane | undefined;
  const stopBroker = async (): Promise<void> => {
    await control?.[Symbol.asyncDispose]();
    control = undefined;
  };
  stack.defer(stopBroker);
  const startBroker = async (): Promise<void> => {
    control = await openControlPlane({
      settings: {
        config: folders.config,
        state: folders.state,
        portPath,
        adminPath: join(folders.root, "admin", "admin.sock"),
        groupId: GATEWAY.uid,
      },
      variables: {},
      disk: realDisk,
      log: openLog({ write: () => undefined, nowMs: Date.now, level: "error" }),
      onListeners: () => undefined,
      lingerMs: 0,
    });
  };

  let child: Child | undefined;
  stack.defer(async () => child?.[Symbol.asyncDispose]());
  // What a root container of the pod could write there: another way to the upstream.
  writeFileSync(join(folders.root, POISONED), `203.0.113.66 ${UPSTREAM_NAME}\n`);
  writeFileSync(join(folders.root, HOSTS), "127.0.0.1 localhost\n");
  const startGateway = async (): Promise<void> => {
    await child?.[Symbol.asyncDispose]();
    const command = [process.execPath, GATEWAY_PROGRAM, portPath, paths.state, paths.ca];
    const [program, ...words] = inContainer(network, folders, { ...GATEWAY, hosts: POISONED }, command);
    child = await startIn(network.pod, undefined, [program, ...words], POD);
    await child.line(/connections of this pod are captured/);
  };
  const owned = stack.move();
  return {
    network,
    folders,
    server,
    paths,
    gateway: () => {
      assert.ok(child);
      return child;
    },
    outside,
    broker: () => {
      assert.ok(control);
      return control.broker;
    },
    startGateway,
    startBroker,
    stopBroker,
    agent: async (command, environment = {}) => {
      const [program, ...words] = inside(
        network.pod,
        undefined,
        inContainer(network, folders, AGENT, command),
      );
      try {
        const env = {
          PATH: process.env["PATH"] ?? "",
          LANG: "C.UTF-8",
          HOME: "/nonexistent",
          ...environment,
        };
        const { stdout, stderr } = await run(program, words, { env, timeout: 30_000 });
        return { code: 0, stdout, stderr };
      } catch (error) {
        const { code, stdout, stderr } = error as { code: number | string; stdout: string; stderr: string };
        if (typeof code !== "number") throw error;
        return { code, stdout, stderr };
      }
    },
    poisoned: async (command) => {
      const words = inContainer(network, folders, { ...GATEWAY, hosts: POISONED }, command);
      return (await run(...first(inside(network.pod, undefined, words)))).stdout;
    },
    start: (command) =>
      startIn(network.pod, undefined, inContainer(network, folders, AGENT, command), {
        PGUSER: "agent",
        PGDATABASE: "postgres",
      }),
    metrics: async () => {
      const words = ["curl", "--silent", `http://${network.pod.ipv4}:15021/metrics`] as const;
      return (await run(...first(inside(network.world, undefined, words)))).stdout;
    },
    events: async () => {
      const events: EventFields[] = [];
      for await (const row of rowsOf(startReading(join(folders.state, "trail"), undefined)))
        if ("event" in row) events.push(row.event);
      return events;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const first = ([program, ...words]: readonly [string, ...string[]]): [string, string[]] => [program, words];

/** With files of its own where a pod has them: its search path and name server, and hosts that somebody poisoned. */
function inContainer(
  network: Network,
  { root }: Folders,
  as: As & { readonly hosts?: string },
  command: readonly string[],
): [string, ...string[]] {
  const resolving = join(root, "resolv.conf");
  writeFileSync(
    resolving,
    "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n",
  );
  const mounting = `mount --bind ${resolving} /etc/resolv.conf && mount --bind ${join(root, as.hosts ?? HOSTS)} /etc/hosts && exec "$@"`;
  const entered = inside(network.pod, undefined, []).length;
  return [
    "unshare",
    "--mount",
    "sh",
    "-c",
    mounting,
    "sh",
    ...inside(network.pod, as, command).slice(entered),
  ];
}

async function openBridge(path: string, port: number): Promise<AsyncDisposable & { readonly path: string }> {
  const clients = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connectTo({ host: "127.0.0.1", port, allowHalfOpen: true });
    clients.add(client.on("close", () => clients.delete(client)));
    client.on("error", () => upstream.destroy()).pipe(upstream);
    upstream.on("error", () => client.destroy()).pipe(client);
  }).listen(path);
  await once(server, "listening");
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

async function prepare(server: PostgresServer): Promise<void> {
  await using root = await connect(server);
  await root.query(`
    CREATE ROLE orders_agent LOGIN PASSWORD '${UPSTREAM_PASSWORD}';
    CREATE TABLE people (id int PRIMARY KEY, name text, email text);
    INSERT INTO people SELECT id, 'person ' || id, 'person' || id || '@example.com' FROM generate_series(1, 3) id;
    GRANT SELECT, INSERT ON people TO orders_agent`);
}

async function writeKinds(folders: Folders, token: string, identity: object): Promise<void> {
  const passwordFile = join(folders.root, "password");
  writeFileSync(passwordFile, UPSTREAM_PASSWORD, { mode: 0o600 });
  writeFileSync(folders.tokenFile, token, { mode: 0o600 });
  folders.write("identity.yaml", identity);
  folders.write(
    "connection.yaml",
    connection(UPSTREAM_PORT, passwordFile, {
      address: { host: UPSTREAM_NAME, port: UPSTREAM_PORT },
      reachedAs: [{ host: "orders.shop.svc" }, { host: WORLD.v6, port: 6432 }],
    }),
  );
  const allow = [{ name: "read", postgres: { preset: "readOnly", tables: ["public.people"] } }];
  folders.write(
    "policies.yaml",
    policy({ allow, mask: [{ postgres: { columns: ["public.people.email"] } }] }),
  );
  const ambient = { identity: { ambient: { tokenFile: folders.tokenFile } } };
  folders.write(
    "gateway.yaml",
    gateway({
      name: "pod",
      connection: { namespace: "shop", name: "orders" },
      address: { host: "127.0.0.1", port: 1 },
      ...ambient,
    }),
  );
}
