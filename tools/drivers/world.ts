/** What the matrix is run in: a server, a second one that is read-only, a third that never answers, and a gateway before them all. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PostgresVersion } from "../postgres/binaries.ts";
import { connect } from "../postgres/client.ts";
import { type Authority, makeAuthority } from "../world/certificates.ts";
import { type GatewayProcess, startGateway } from "../world/gateway.ts";
import { AUDIENCE, type World, startWorld } from "../world/world.ts";
import { type Beside, agentFolder, writeFolder } from "./folder.ts";
import { deadPort, silentPort } from "./ports.ts";

const SCHEMA = readFileSync(new URL("schema.sql", import.meta.url), "utf8");
const END_MS_MAX = 10_000;
const grantsIn = (database: string): string => `
  grant create on database ${database} to app_agent;
  grant create, usage on schema public to app_agent;
  grant select, insert, update, delete, truncate, references on all tables in schema public to app_agent;
  grant usage on all sequences in schema public to app_agent;`;

/** One of the two ways to the same server. */
export interface Side {
  /** For the programs: libpq's variables, and where else to try. */
  readonly environment: Readonly<Record<string, string>>;
  /** Ends every connection that the database has, as a failover or an administrator does. */
  endConnections(): Promise<void>;
}

export interface DriverWorld extends AsyncDisposable {
  direct(): Promise<Side>;
  through(): Promise<Side>;
  /** As the server itself tells it. */
  readonly serverVersion: string;
}

export async function startDriverWorld(version: PostgresVersion): Promise<DriverWorld> {
  await using opened = new AsyncDisposableStack();
  const password = randomBytes(16).toString("hex");
  const authority = makeAuthority();
  const world = opened.use(await startServer(version, authority, password));
  const readonly = opened.use(await startServer(version, authority, password));
  await makeReadOnly(readonly);
  const silent = opened.use(await silentPort());
  await writeFolder(world, { readonly, silent: silent.port, password, certificate: authority.issue(NAME) });
  const otherAuthority = join(world.folder, "other-authority.pem");
  await writeFile(otherAuthority, makeAuthority().certPem);
  const gateway = opened.use(startGateway(world));
  const shared = {
    PGHOST: NAME,
    PGSSLMODE: "verify-full",
    PGSSLROOTCERT: world.authorityFile,
    OTHER_AUTHORITY: otherAuthority,
    DEAD_PORT: String(await deadPort()),
  };
  const [shown] = await world.root.query("show server_version");
  const moved = opened.move();
  return {
    serverVersion: String(shown?.["server_version"]),
    direct: async () => directly(world, { readonly, silent: silent.port, password, shared }),
    through: () => throughGateway(world, gateway, shared),
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

/** Not for `localhost`: whoever connects under that name is to notice. */
const NAME = "127.0.0.1";

async function startServer(version: PostgresVersion, authority: Authority, password: string): Promise<World> {
  const world = await startWorld({
    version,
    authority,
    certificate: authority.issue(NAME),
    database: "app",
    template: "app_agent",
    schema: rolesOf(password) + SCHEMA + grantsIn("app"),
    settings: { max_connections: "120", max_prepared_transactions: "10", wal_level: "logical" },
  });
  await addTwin(world);
  return world;
}

type Environment = Readonly<Record<string, string>>;

interface Direct extends Pick<Beside, "readonly" | "silent" | "password"> {
  readonly shared: Environment;
}

function directly(world: World, { readonly, silent, password, shared }: Direct): Side {
  const { port, socketFolder } = world.server;
  return {
    environment: {
      ...shared,
      PGUSER: "direct",
      PGPASSWORD: password,
      PGDATABASE: "alone",
      ...ports({ PG: port, READONLY: readonly.server.port, SILENT: silent, CLEAR: port, ANY: port }),
      SOCKET_FOLDER: socketFolder,
      SOCKET_PORT: String(port),
    },
    endConnections: () => endAll(world, "alone"),
  };
}

async function throughGateway(world: World, gateway: GatewayProcess, shared: Environment): Promise<Side> {
  const at = async (name: string): Promise<number> => (await gateway.listener(name)).port;
  return {
    environment: {
      ...shared,
      PGUSER: "agent",
      PGPASSWORD: await world.issuer.issue("agent", AUDIENCE),
      PGDATABASE: "app",
      ...ports({
        PG: await at("application"),
        READONLY: await at("readonly"),
        SILENT: await at("silent"),
        CLEAR: await at("loopback"),
        ANY: await at("anything"),
      }),
      SOCKET_FOLDER: agentFolder(world),
      SOCKET_PORT: "5432",
    },
    endConnections: () => endAll(world, "app"),
  };
}

const ports = ({
  PG,
  ...others
}: Readonly<Record<"PG" | "READONLY" | "SILENT" | "CLEAR" | "ANY", number>>) => ({
  PGPORT: String(PG),
  ...Object.fromEntries(Object.entries(others).map(([name, port]) => [`${name}_PORT`, String(port)])),
});

const rolesOf = (password: string): string => `
  create role app_agent nologin;
  create role direct login replication password '${password}' in role app_agent;
  create role trusted login password '${password}' in role app_agent;`;

/** The same tables for whoever comes directly, so that the two do not meet. */
async function addTwin({ server }: World): Promise<void> {
  {
    await using root = await connect(server);
    await root.query("create database alone");
  }
  await using alone = await connect(server, { database: "alone" });
  await alone.query(SCHEMA + grantsIn("alone"));
}

/** As a standby or a server under maintenance says it of itself; roles can still be minted. */
async function makeReadOnly({ server }: World): Promise<void> {
  await using root = await connect(server);
  await root.query("alter role sallyport_minter set default_transaction_read_only = off");
  await root.query("alter system set default_transaction_read_only = on");
  await root.query("select pg_reload_conf()");
}

async function endAll({ root }: World, database: string): Promise<void> {
  await root.query(
    `select pg_terminate_backend(pid, ${END_MS_MAX}) from pg_stat_activity
     where datname = $1 and pid <> pg_backend_pid() and backend_type in ('client backend', 'walsender')`,
    [database],
  );
}
