/**
 * A real API server with its etcd, for the tests of a file: `await using api = await startApiTier()`. No node and no controllers:
 * what a kubelet or a controller manager would do is not done (a namespace gets no `default` service account but by
 * `api.namespace()`, and is never gone after its deletion).
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { type Access, openAccess } from "./access.ts";
import { API_PROGRAMS, buildProblem, ensurePrograms } from "./binaries.ts";
import { clientsProblem } from "./clients.ts";
import type { Flags } from "./control-plane.ts";
import { OWNER_FILE, ownerMark } from "./owner.ts";
import { type ApiPrograms, type Servers, startServers } from "./servers.ts";
import { sweepOrphans } from "./sweep.ts";
import { copyTemplate } from "./template.ts";

export interface ApiTierOptions {
  /** Flags of the API server, over ours: `{ "audit-log-path": "/tmp/audit" }`. */
  readonly flags?: Flags;
}

export interface ApiTier extends Access, AsyncDisposable {
  readonly etcdUrl: string;
  /** Everything of this cluster's; gone with it. */
  readonly folder: string;
  /** Processes as they run now. */
  pids(): { readonly etcd: number; readonly apiServer: number };
  /** SIGKILL to the API server; resolves when it is gone. Its port stays its own. */
  kill(): Promise<void>;
  /** Starts it again where it was, killing it first when it runs; resolves when it is ready. */
  restart(): Promise<void>;
  /** The end of what the API server has logged. */
  log(): string;
}

export const FOLDER_PREFIX = "sallyport-api-";
const PORT_ATTEMPTS_MAX = 5;
const PORT_TAKEN = "address already in use";

/** Why it cannot run here, in one line; nothing when it can. */
export function apiTierProblem(): string | undefined {
  return buildProblem() ?? clientsProblem();
}

export async function startApiTier(options: ApiTierOptions = {}): Promise<ApiTier> {
  const programs = await ensurePrograms(API_PROGRAMS, {
    say: (line) => process.stderr.write(`cluster: ${line}\n`),
  });
  await sweepOrphans(FOLDER_PREFIX);
  for (let attempt = 1; ; attempt += 1) {
    const folder = await mkdtemp(`${tmpdir()}/${FOLDER_PREFIX}`);
    try {
      return await startIn(folder, programs, options);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      // Between our asking for a free port and the server's bind another process may have taken it.
      const isTaken = error instanceof Error && error.message.includes(PORT_TAKEN);
      if (!isTaken || attempt === PORT_ATTEMPTS_MAX) throw error;
    }
  }
}

async function startIn(
  folder: string,
  programs: ApiPrograms,
  { flags = {} }: ApiTierOptions,
): Promise<ApiTier> {
  await writeFile(`${folder}/${OWNER_FILE}`, ownerMark());
  await copyTemplate(programs, folder);
  const servers = await startServers({ programs, folder, flags, isBootstrapped: true });
  try {
    return tierOf(servers, folder, await openAccess(servers.url, servers.pki, folder));
  } catch (error) {
    await servers[Symbol.asyncDispose]();
    throw error;
  }
}

function tierOf(servers: Servers, folder: string, access: Access): ApiTier {
  return {
    ...access,
    etcdUrl: servers.etcdUrl,
    folder,
    pids: () => ({ etcd: servers.etcd.pid, apiServer: servers.apiServer().pid }),
    kill: () => servers.kill(),
    restart: () => servers.restart(),
    log: () => servers.apiServer().output(),
    async [Symbol.asyncDispose]() {
      await servers[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
