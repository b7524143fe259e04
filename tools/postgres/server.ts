import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { freePorts } from "#tools/cluster/ports.ts";
import { type Account, serverAccount } from "./account.ts";
import { findBinaries, type PostgresVersion } from "./binaries.ts";
import { connect } from "./client.ts";
import { copyCluster } from "./template.ts";

const READY_MS_MAX = 30_000;
const READY_POLL_MS = 10;
const STOP_MS_MAX = 10_000;
const PORT_ATTEMPTS_MAX = 5;
const LOG_CHARS_MAX = 64 * 1024;

export interface PostgresOptions {
  readonly version: PostgresVersion;
  /** Listen on 127.0.0.1 too, with a password of this run; without it there is the socket only. */
  readonly tcp?: boolean;
  /** Offered to clients over TCP. */
  readonly tls?: { readonly certPem: string; readonly keyPem: string };
  readonly settings?: Readonly<Record<string, string>>;
}

export interface PostgresServer extends AsyncDisposable {
  readonly version: PostgresVersion;
  /** Names the socket as well as the TCP port. */
  readonly port: number;
  readonly socketFolder: string;
  /** Of user `postgres` over TCP; the socket asks for none. */
  readonly password: string;
  readonly pid: number;
  /** The end of what the server has logged. */
  log(): string;
}

/** `await using server = await startPostgres({ version: 18 })`: a real server in a folder of its own. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const attempts = options.tcp === true ? PORT_ATTEMPTS_MAX : 1;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Between our asking for a free port and the server's bind another process may have taken it.
      const taken = error instanceof StartFailed && error.log.includes("Address already in use");
      if (!taken || attempt === attempts) throw error;
    }
  }
}

class StartFailed extends Error {
  override readonly name = "StartFailed";
  readonly log: string;
  constructor(message: string, log: string) {
    super(`${message}; its log ends:\n${log.slice(-2000)}`);
    this.log = log;
  }
}

async function startOnce(options: PostgresOptions): Promise<PostgresServer> {
  const binaries = findBinaries(options.version);
  const account = serverAccount();
  const folder = await mkdtemp(`${tmpdir()}/sallyport-pg-`);
  try {
    if (account.borrowed) await chown(folder, account.uid, account.gid);
    await copyCluster(binaries, account, `${folder}/data`);
    if (options.tls !== undefined) await writeCertificate(folder, options.tls, account);
    const [port = 5432] = options.tcp === true ? await freePorts(1) : [];
    const child = spawnGuarded(binaries.postgres, serverFlags(folder, port, options), account, folder);
    return await whenReady(child, { version: options.version, folder, port });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function serverFlags(
  folder: string,
  port: number,
  { tcp = false, tls, settings = {} }: PostgresOptions,
): string[] {
  const all = {
    listen_addresses: tcp ? "127.0.0.1" : "",
    fsync: "off",
    synchronous_commit: "off",
    full_page_writes: "off",
    max_connections: "40",
    shared_buffers: "16MB",
    ...(tls === undefined
      ? {}
      : { ssl: "on", ssl_cert_file: `${folder}/server.crt`, ssl_key_file: `${folder}/server.key` }),
    ...settings,
  };
  const flags = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  return ["-D", `${folder}/data`, "-k", folder, "-p", String(port), ...flags];
}

/** The server refuses a key that is not its own user's alone. */
async function writeCertificate(
  folder: string,
  { certPem, keyPem }: NonNullable<PostgresOptions["tls"]>,
  account: Account,
): Promise<void> {
  await writeFile(`${folder}/server.crt`, certPem);
  await writeFile(`${folder}/server.key`, keyPem, { mode: 0o600 });
  if (account.borrowed) await chown(`${folder}/server.key`, account.uid, account.gid);
}

/**
 * The shell becomes the server, so `child.pid` is the postmaster's. The guard beside it holds our end of a pipe: when
 * this process goes away without a word, even by SIGKILL, it stops the server and removes the folder.
 */
const GUARDED = `
folder=$1; shift
exec 3<&0
( ( if ! read -r word <&3; then
      kill -QUIT $$ 2>/dev/null
      tries=0
      while kill -0 $$ 2>/dev/null && [ $tries -lt 50 ]; do tries=$((tries + 1)); sleep 0.1; done
      rm -rf -- "$folder"
    fi ) </dev/null >/dev/null 2>&1 & )
exec "$@" 3<&- </dev/null 2>&1`;

function spawnGuarded(
  program: string,
  flags: readonly string[],
  account: Account,
  folder: string,
): ChildProcess {
  return spawn("sh", ["-c", GUARDED, "sh", folder, program, ...flags], {
    uid: account.uid,
    gid: account.gid,
    cwd: folder,
    stdio: ["pipe", "pipe", "inherit"],
  });
}

async function whenReady(
  child: ChildProcess,
  { version, folder, port }: { version: PostgresVersion; folder: string; port: number },
): Promise<PostgresServer> {
  let log = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-LOG_CHARS_MAX);
  });
  const stop = (): Promise<void> => stopServer(child, folder);
  const password = randomBytes(16).toString("hex");
  try {
    await pollUntilItAnswers(child, { folder, port, password }, () => log);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    version,
    port,
    socketFolder: folder,
    password,
    pid: child.pid ?? -1,
    log: () => log,
    [Symbol.asyncDispose]: stop,
  };
}

async function pollUntilItAnswers(
  child: ChildProcess,
  { folder, port, password }: { folder: string; port: number; password: string },
  log: () => string,
): Promise<void> {
  const deadlineMs = Date.now() + READY_MS_MAX;
  for (;;) {
    if (hasExited(child)) throw new StartFailed("the server ended while starting", log());
    try {
      await using session = await connect({ socketFolder: folder, port });
      await session.query(`ALTER ROLE postgres PASSWORD '${password}'`);
      return;
    } catch (error) {
      if (Date.now() > deadlineMs) throw new StartFailed(`not ready: ${(error as Error).message}`, log());
    }
    await pause(READY_POLL_MS);
  }
}

async function stopServer(child: ChildProcess, folder: string): Promise<void> {
  if (!hasExited(child)) {
    const exited = once(child, "exit", { signal: AbortSignal.timeout(STOP_MS_MAX) });
    // Immediate shutdown: nothing of the data is kept.
    child.kill("SIGQUIT");
    await exited;
  }
  child.stdin?.end("stopped\n");
  await rm(folder, { recursive: true, force: true });
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
