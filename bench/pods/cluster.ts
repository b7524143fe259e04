/**
 * What pods need outside of them: a real API server with the chart's objects and policies, the broker as its image starts it, a real
 * PostgreSQL, and names. In a network of its own: see own-network.ts.
 */
import { appendFile, chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "rolldown";
import { CONFIG_MAPS, CONNECTIONS, POLICIES, SECRETS, objectKey } from "#operator/kube/resource.ts";
import { ANNOTATIONS, AUTHORITY_CONFIG_MAP } from "#operator/names.ts";
import { type GwInit, openGwInit } from "#test/capture/support/gw-init.ts";
import { eventually } from "#test/chart/support/wait.ts";
import {
  type Agent,
  NAMESPACE,
  type Node,
  type World,
  call,
  startWorld,
} from "#test/cluster-broker/support/world.ts";
import { SERVER_NAME } from "#test/port/tls.ts";
import { serveDns } from "#tools/cluster/node/dns/server.ts";
import { compiled } from "#tools/images/c-program.ts";
import { type Session, connect } from "#tools/postgres/client.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import { type Child, startChild } from "#tools/world/child.ts";
import { bundleOf } from "../../rolldown.config.ts";
import { ORDERS_NAME, PLAIN_NAME, ROWS, USER } from "./names.ts";
import { NAMES, OUTSIDE } from "./own-network.ts";
import { PORTS } from "./ports.ts";

const DATABASE_NAME = "db.example.com";
/** By which the policy knows the Connection. */
export const TIER = { tier: "orders" } as const;
const CONNECTIONS_MAX = 600;
const BROKER_STOPS_MS = 60_000;

const SCHEMA = `
  create role ${USER} login;
  create table accounts (id int primary key, owner text not null, email text not null, filler text not null);
  insert into accounts select i, 'owner ' || i, 'owner' || i || '@example.com', repeat('x', 80) from generate_series(1, ${ROWS}) i;
  create table other (id int primary key);
  grant select on accounts, other to ${USER};
  analyze accounts`;

export interface BenchCluster extends AsyncDisposable {
  readonly kubernetes: World;
  /** Of agents. */
  readonly namespace: string;
  readonly node: Node;
  readonly server: PostgresServer;
  readonly root: Session;
  readonly broker: Child;
  readonly authorityPem: string;
  readonly gwInit: GwInit;
  /** Where the gateway's program and its launcher are, for anybody to read. */
  readonly programs: string;
  /** A pod of the namespace, on that node, running at this address. */
  agent(address: string): Promise<Agent>;
  /** The database knows it from here on; the Secret does not yet. */
  setPassword(password: string): Promise<void>;
  writeSecret(password: string): Promise<void>;
  writeConnection(labels: Readonly<Record<string, string>>): Promise<void>;
  /** The same server, relayed as it is. */
  writePlain(): Promise<void>;
  /** Agents may read this table alone. */
  writePolicy(table: "accounts" | "other"): Promise<void>;
}

export async function openBenchCluster(): Promise<BenchCluster> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "sallyport-bench-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  opened.use(await serveNames());
  const server = opened.use(await startDatabase());
  const root = opened.use(await connect(server));
  for (const statement of SCHEMA.split(";")) await root.query(statement);
  const gwInit = opened.use(await openGwInit());
  const programs = await bundled(join(folder, "programs"));
  const kubernetes = opened.use(await startWorld());
  const namespace = await kubernetes.enforced();
  const node = await kubernetes.node();
  const writes = writesOf(kubernetes, namespace, server);
  const setPassword = async (password: string): Promise<void> => {
    await root.query(`alter role ${USER} password '${password}'`);
  };
  const password = "as-it-was-at-first";
  await setPassword(password);
  await writes.writeSecret(password);
  await writes.writeConnection(TIER);
  await writes.writePolicy("accounts");
  const broker = opened.use(await startBroker(kubernetes, programs, folder));
  const { name, member } = AUTHORITY_CONFIG_MAP;
  const authorityPem = await eventually(
    async () => (await kubernetes.kube.get(CONFIG_MAPS, objectKey(NAMESPACE, name), call))?.data?.[member],
    () => "the broker's authority is not published",
  );
  const owned = opened.move();
  return {
    kubernetes,
    namespace,
    node,
    server,
    root,
    broker,
    authorityPem,
    gwInit,
    programs,
    ...writes,
    setPassword,
    async agent(address) {
      const agent = await kubernetes.agent(namespace, node);
      await agent.status({ phase: "Running", podIP: address, podIPs: [{ ip: address }] });
      return agent;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function serveNames(): Promise<AsyncDisposable> {
  const known = new Set([DATABASE_NAME, replicasName()]);
  return serveDns(
    { address: NAMES, port: 53, say: (line) => process.stderr.write(`names: ${line}\n`) },
    async ({ name, type }) =>
      known.has(name)
        ? { code: "ok", records: type === 1 ? [{ name, type: "A", address: OUTSIDE }] : [] }
        : { code: "unknownName", records: [] },
  );
}

/** What a gateway makes of the broker's name: see sidecar/pod/uplink.ts. */
function replicasName(): string {
  const [service, ...rest] = SERVER_NAME.split(".");
  return [`${service}-replicas`, ...rest, "cluster", "local"].join(".");
}

/** Also at the address that pods know. */
async function startDatabase(): Promise<PostgresServer> {
  const settings = { listen_addresses: "*", max_connections: String(CONNECTIONS_MAX) };
  const server = await startPostgres({ version: 18, tcp: true, settings });
  await using root = await connect(server);
  const [row] = await root.query("show hba_file");
  await appendFile(String(row?.["hba_file"]), "host all all 0.0.0.0/0 scram-sha-256\n");
  await root.query("select pg_reload_conf()");
  return server;
}

async function bundled(folder: string): Promise<string> {
  await mkdir(folder, { mode: 0o755 });
  await build({ ...bundleOf(["gateway", "aside-worker", "broker"], folder), logLevel: "warn" });
  await copyFile(await compiled("launcher"), join(folder, "launcher"));
  await chmod(join(folder, "launcher"), 0o755);
  return folder;
}

async function startBroker(kubernetes: World, programs: string, folder: string): Promise<Child> {
  const { api, injection } = kubernetes.guarded;
  const state = join(folder, "broker");
  await mkdir(state, { mode: 0o700 });
  const any = (port: number) => ({ host: "0.0.0.0", port });
  const cluster = {
    namespace: NAMESPACE,
    gateways: any(PORTS.gateways),
    requests: any(PORTS.requests),
    names: [SERVER_NAME],
    injection,
  };
  const observability = { host: "127.0.0.1", port: PORTS.health };
  const [config, kubeconfig] = [join(folder, "broker.json"), join(folder, "broker.kubeconfig")];
  await writeFile(config, JSON.stringify({ state, logLevel: "info", observability, cluster }));
  const access = await api.asServiceAccount(NAMESPACE, "sallyport-broker");
  await writeFile(kubeconfig, access.exportConfig(), { mode: 0o600 });
  const program = [join(programs, "broker.js"), "--config", config, "--kubeconfig", kubeconfig];
  const child = startChild([process.execPath, "--disable-sigusr1", ...program], {
    environment: { NODE_ENV: "production" },
  });
  try {
    await child.line(/gateways are answered/, BROKER_STOPS_MS);
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
  return child;
}

type Writes = Pick<BenchCluster, "writeSecret" | "writeConnection" | "writePolicy" | "writePlain">;
const SUBJECTS = [{ serviceAccount: { name: "default" } }] as const;

function writesOf({ kube }: World, namespace: string, { port }: PostgresServer): Writes {
  const force = { ...call, force: true };
  const named = (name: string): { namespace: string; name: string } => ({ namespace, name });
  const address = { host: DATABASE_NAME, port };
  return {
    async writeSecret(password) {
      const annotations = { [ANNOTATIONS.usableBy]: `orders@${DATABASE_NAME}` };
      const data = { password: Buffer.from(password).toString("base64") };
      await kube.apply(SECRETS, { metadata: { ...named("orders"), annotations }, data }, force);
    },
    async writeConnection(labels) {
      const orders = {
        address,
        protocol: "postgres",
        tls: { mode: "disable" },
        reachedAs: [{ host: ORDERS_NAME, port }],
        credential: { mode: "static", source: { secret: { name: "orders", key: "password" } } },
        postgres: { database: "postgres", user: USER },
      };
      await kube.apply(CONNECTIONS, { metadata: { ...named("orders"), labels }, spec: orders }, force);
    },
    async writePolicy(table) {
      const read = { statements: ["read"], tables: [`public.${table}`], functions: ["pg_catalog.pg_sleep"] };
      const orders = {
        subjects: SUBJECTS,
        connections: { matchLabels: TIER },
        allow: [{ name: "read", postgres: read }],
        mask: [{ postgres: { columns: ["public.accounts.email"] } }],
      };
      await kube.apply(POLICIES, { metadata: named("orders"), spec: orders }, force);
    },
    async writePlain() {
      const reachedAs = [{ host: PLAIN_NAME, port }];
      const connection = { address, protocol: "tcp", reachedAs, credential: { mode: "none" }, tcp: {} };
      await kube.apply(CONNECTIONS, { metadata: named("plain"), spec: connection }, force);
      const allow = [{ name: "connect", tcp: {} }];
      const policy = { subjects: SUBJECTS, connections: { names: ["plain"] }, allow };
      await kube.apply(POLICIES, { metadata: named("plain"), spec: policy }, force);
    },
  };
}
