/** Where the gateway keeps what it makes, and who may look into which part of it. */
import { chownSync, chmodSync, lstatSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { SOCKET_PATH_BYTES_MAX } from "#runtime/unix-socket.ts";
import type { Accounts } from "./accounts.ts";

export interface DataFolders {
  /** All others stand in it. */
  readonly data: string;
  /** Trail, its keys, and the journal of leases: of the broker alone. */
  readonly ofBroker: readonly string[];
  /** The broker's two sockets, each in a folder of its own. */
  readonly port: string;
  readonly portPath: string;
  readonly admin: string;
  readonly adminPath: string;
  /** The key of the certificate authority that the gateway makes: of whoever started it alone. */
  readonly tls: string;
  /** The certificate of that authority, for clients. */
  readonly caPath: string;
}

export function defaultDataFolder(
  uid: number | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  if (uid === 0) return "/var/lib/sallyport";
  const stateHome = environment["XDG_STATE_HOME"];
  return join(stateHome?.startsWith("/") ? stateHome : join(homedir(), ".local", "state"), "sallyport");
}

export function dataFolders(data: string): DataFolders {
  const [port, admin] = [join(data, "port"), join(data, "admin")];
  return {
    data,
    ofBroker: ["trail", "keys", "broker"].map((name) => join(data, name)),
    port,
    portPath: join(port, "broker.sock"),
    admin,
    adminPath: join(admin, "admin.sock"),
    tls: join(data, "tls"),
    caPath: join(data, "ca.pem"),
  };
}

/** Makes what is missing and closes what is open. In words: what stands in the way and what to do. */
export function prepareFolders(data: string, accounts: Accounts | undefined): DataFolders | string {
  const folders = dataFolders(data);
  if (Buffer.byteLength(folders.adminPath) > SOCKET_PATH_BYTES_MAX)
    return `${data} is too long a path: the sockets in it may have ${SOCKET_PATH_BYTES_MAX} bytes; choose another with --data DIR`;
  try {
    mkdirSync(data, { recursive: true, mode: 0o755 });
    const facts = lstatSync(data);
    if (facts.uid !== process.getuid?.() || (facts.mode & 0o022) !== 0)
      return `${data} must be yours and closed to the writing of others; give another folder with --data DIR`;
    const { broker } = accounts ?? {};
    for (const folder of [...folders.ofBroker, folders.admin]) own(folder, 0o700, broker);
    own(folders.port, accounts === undefined ? 0o700 : 0o750, broker);
    own(folders.tls, 0o700, undefined);
    return folders;
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    return `${data} cannot be used: ${error.message}; give a folder that you may write with --data DIR`;
  }
}

function own(path: string, mode: number, account: Accounts["broker"] | undefined): void {
  mkdirSync(path, { recursive: true, mode });
  // A link would hand over whatever it points to.
  if (!lstatSync(path).isDirectory())
    throw Object.assign(new Error(`${path} is no folder`), { code: "ENOTDIR" });
  if (account !== undefined) chownSync(path, account.uid, account.gid);
  chmodSync(path, mode);
}
