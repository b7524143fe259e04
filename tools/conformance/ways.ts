/** The ways to a PostgreSQL that are compared: straight, through pgbouncer in session mode, and through the gateway with its trail on. */
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startIssuer } from "#tools/oidc/issuer.ts";
import { serverAccount } from "#tools/postgres/account.ts";
import type { PostgresVersion } from "#tools/postgres/binaries.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import { makeAuthority } from "#tools/world/certificates.ts";
import { BROKER_UID, startGateway } from "#tools/world/gateway.ts";
import { startPgbouncer } from "#tools/world/pgbouncer.ts";
import { connectionKind, gatewayKind, policyKind, providerKind } from "./kinds.ts";

export const WAYS = ["direct", "pgbouncer", "gateway"] as const;
export type WayName = (typeof WAYS)[number];

export interface Way extends AsyncDisposable {
  readonly name: WayName;
  /** On 127.0.0.1, for programs of that account; takes whoever comes as who they say they are. */
  portFor(uid: number): number;
  readonly server: PostgresServer;
}

/** A server of its own, so that nothing of another run is left in it. */
export async function openWay(name: WayName, version: PostgresVersion): Promise<Way> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "sallyport-conformance-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  // Server, pooler and broker run as other users than this one.
  await chmod(folder, 0o755);
  const server = opened.use(await trustingServer(version, folder));
  const portFor = await FRONTS[name](server, folder, opened);
  const moved = opened.move();
  return { name, portFor, server, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

type PortFor = Way["portFor"];
type Front = (server: PostgresServer, folder: string, opened: AsyncDisposableStack) => Promise<PortFor>;

const FRONTS = {
  direct:
    async ({ port }) =>
    () =>
      port,
  pgbouncer: pooled,
  gateway: startGatewayWay,
} satisfies Record<WayName, Front>;

async function trustingServer(version: PostgresVersion, folder: string): Promise<PostgresServer> {
  const hosts = join(folder, "hosts");
  await writeOwned(hosts, "local all all trust\nhost all all 127.0.0.1/32 trust\n");
  return startPostgres({
    version,
    tcp: true,
    // The gateway speaks TLS to whoever asks for it; so does a server that is asked straight.
    tls: makeAuthority().issue("127.0.0.1"),
    settings: { hba_file: hosts, max_connections: "100", shared_buffers: "128MB" },
  });
}

async function pooled(
  server: PostgresServer,
  folder: string,
  opened: AsyncDisposableStack,
): Promise<PortFor> {
  const { port, child } = await startPgbouncer({
    upstreamPort: server.port,
    folder,
    users: '"postgres" ""',
    settings: [
      // Roles that tests make are found by asking the server.
      "auth_user = postgres",
      "auth_query = select usename, coalesce(passwd, '') from pg_shadow where usename = $1",
      "max_client_conn = 500",
      "default_pool_size = 90",
      "server_reset_query = DISCARD ALL",
      `ignore_startup_parameters = ${IGNORED.join(",")}`,
    ],
  });
  opened.use(child);
  return () => port;
}

const IGNORED = [
  "extra_float_digits",
  "options",
  "search_path",
  "statement_timeout",
  "lock_timeout",
  "idle_in_transaction_session_timeout",
];

async function startGatewayWay(
  server: PostgresServer,
  folder: string,
  opened: AsyncDisposableStack,
): Promise<PortFor> {
  const issuer = opened.use(await startIssuer({ tokenSeconds: 3_600 }));
  const config = join(folder, "config");
  const token = join(folder, "token");
  await mkdir(config);
  await writeFile(token, await issuer.issue("agent", "urn:sallyport:conformance"), { mode: 0o600 });
  if (BROKER_UID !== undefined) await chown(token, BROKER_UID, -1);
  // pg_regress and the server share files, so it runs as the server's account; the other suites run as we do.
  const uids = [...new Set([serverAccount().uid, process.getuid?.() ?? -1])];
  const kinds = [
    providerKind(issuer.issuer),
    connectionKind(server.port),
    policyKind(),
    gatewayKind(token, uids),
  ];
  await writeFile(join(config, "kinds.yaml"), kinds.map((kind) => JSON.stringify(kind)).join("\n---\n"));
  const gateway = opened.use(startGateway({ config, folder }));
  const ports = new Map<number, number>();
  for (const uid of uids) ports.set(uid, (await gateway.listener(`uid-${uid}`)).port);
  return (uid) => {
    const port = ports.get(uid);
    if (port === undefined) throw new TypeError(`no listener is for uid ${uid}`);
    return port;
  };
}

async function writeOwned(path: string, text: string): Promise<void> {
  const { uid, gid, borrowed } = serverAccount();
  await writeFile(path, text, { mode: 0o600 });
  if (borrowed) await chown(path, uid, gid);
}
