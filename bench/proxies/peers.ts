/** What a user would put in front of PostgreSQL instead, started for one run of figures. */
import { once } from "node:events";
import { chown, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePorts } from "#tools/cluster/ports.ts";
import { serverAccount } from "#tools/postgres/account.ts";
import { type Child, startChild } from "#tools/world/child.ts";
import { SBIN, startPgbouncer, versionOf } from "#tools/world/pgbouncer.ts";

export interface Upstream {
  /** For those that encrypt. */
  readonly certificate?: { readonly certPem: string; readonly keyPem: string };
  readonly port: number;
  readonly password: string;
}

export interface Peer extends AsyncDisposable {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  /** Its processes, for their processor time. */
  readonly pids: readonly number[];
}

/** Twice as many sockets have to fit into what one process may open. */
const CONNECTIONS_MAX = 9_000;
/** Those that two thousand clients have left go soon, and one that is used now and then stays. */
const POOLED_SECONDS = 10;
const READY_MS_MAX = 10_000;

export async function startHaproxy(upstream: Upstream, folder: string): Promise<Peer | undefined> {
  const version = versionOf("haproxy", "-v");
  if (version === undefined) return undefined;
  const [port = 0] = await freePorts(1);
  const file = join(folder, "haproxy.cfg");
  await writeFile(
    file,
    `global
  maxconn ${CONNECTIONS_MAX}
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen postgres
  bind 127.0.0.1:${port}
  server one 127.0.0.1:${upstream.port}
`,
  );
  await using opened = new AsyncDisposableStack();
  const child = opened.use(startChild(["haproxy", "-db", "-f", file], { environment: SBIN }));
  await listens(port, child);
  opened.move();
  return peerOf("haproxy", version, port, child);
}

/** One pooled server connection for each client. */
export async function startPlainPgbouncer(upstream: Upstream, folder: string): Promise<Peer | undefined> {
  return pgbouncer("pgbouncer", upstream, folder, []);
}

/** Encrypted to the client and to the server. */
export async function startPgbouncerTls(upstream: Upstream, folder: string): Promise<Peer | undefined> {
  const { certificate } = upstream;
  if (certificate === undefined) throw new TypeError("TLS needs a certificate");
  const key = join(folder, "pgbouncer.key");
  const file = join(folder, "pgbouncer.crt");
  const { uid, gid, borrowed } = serverAccount();
  await writeFile(key, certificate.keyPem, { mode: 0o600 });
  await writeFile(file, certificate.certPem);
  if (borrowed) await chown(key, uid, gid);
  return pgbouncer("pgbouncer-tls", upstream, folder, [
    "client_tls_sslmode = require",
    `client_tls_key_file = ${key}`,
    `client_tls_cert_file = ${file}`,
    "server_tls_sslmode = require",
  ]);
}

async function pgbouncer(
  name: string,
  upstream: Upstream,
  folder: string,
  more: readonly string[],
): Promise<Peer | undefined> {
  const version = versionOf("pgbouncer", "-V");
  if (version === undefined) return undefined;
  const settings = [
    `max_client_conn = ${CONNECTIONS_MAX}`,
    `default_pool_size = ${CONNECTIONS_MAX}`,
    `server_idle_timeout = ${POOLED_SECONDS}`,
    ...more,
  ];
  const users = `"postgres" "${upstream.password}"`;
  const { port, child } = await startPgbouncer({
    upstreamPort: upstream.port,
    folder,
    name,
    users,
    settings,
  });
  return peerOf(name, version, port, child);
}

function peerOf(name: string, version: string, port: number, child: Child): Peer {
  return {
    name,
    version,
    port,
    pids: [child.pid],
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

async function listens(port: number, child: Child): Promise<void> {
  const deadlineMs = Date.now() + READY_MS_MAX;
  while (!(await answers(port))) {
    if (Date.now() > deadlineMs) throw new Error(`nothing listens:\n${child.output()}`);
    await pause(20);
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
