/** The ways to a PostgreSQL that are compared: straight, through pgbouncer in session mode, and through the gateway with its trail on. */
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "#tools/cluster/ports.ts";
import { startIssuer } from "#tools/oidc/issuer.ts";
import { serverAccount } from "#tools/postgres/account.ts";
import type { PostgresVersion } from "#tools/postgres/binaries.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import { makeAuthority } from "#tools/world/certificates.ts";
import { startChild } from "#tools/world/child.ts";
import { BROKER_UID, startGateway } from "#tools/world/gateway.ts";
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
  pgbouncer: startPgbouncer,
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

async function startPgbouncer(
  server: PostgresServer,
  folder: string,
  opened: AsyncDisposableStack,
): Promise<PortFor> {
  const [port = 0] = await freePorts(1);
  const users = join(folder, "users.txt");
  const file = join(folder, "pgbouncer.ini");
  await writeOwned(users, '"postgres" ""\n');
  // Roles that tests make are found by asking the server.
  await writeOwned(
    file,
    `[databases]
* = host=127.0.0.1 port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
auth_user = postgres
auth_query = select usename, coalesce(passwd, '') from pg_shadow where usename = $1
pool_mode = session
max_client_conn = 500
default_pool_size = 90
server_reset_query = DISCARD ALL
ignore_startup_parameters = extra_float_digits,options,search_path,statement_timeout,lock_timeout,idle_in_transaction_session_timeout
`,
  );
  const { uid, borrowed } = serverAccount();
  const child = opened.use(
    startChild(["pgbouncer", file], {
      environment: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` },
      ...(borrowed ? { uid } : {}),
    }),
  );
  // Not by connecting: pgbouncer 1.18 ends over clients that leave without a word.
  await child.line(new RegExp(`listening on 127\\.0\\.0\\.1:${port}`));
  return () => port;
}

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
