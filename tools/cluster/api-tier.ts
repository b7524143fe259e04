/**
 * A real API server with its etcd, for the tests of a file: `await using api = await startApiTier()`. No node and no controllers:
 * what a kubelet or a controller manager would do is not done (a namespace gets no `default` service account but by
 * `api.namespace()`, and is never gone after its deletion).
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { type Child, startChild } from "#tools/world/child.ts";
import { type Access, openAccess } from "./access.ts";
import { API_PROGRAMS, buildProblem, ensurePrograms } from "./binaries.ts";
import { clientsProblem } from "./clients.ts";
import { type Flags, apiServerFlags, etcdFlags, wordsOf } from "./control-plane.ts";
import { makePki, writePki } from "./pki.ts";
import { freePorts } from "./ports.ts";
import { whenReady } from "./ready.ts";

export interface ApiTierOptions {
  /** Flags of the API server, over ours: `{ "audit-log-path": "/tmp/audit" }`. */
  readonly flags?: Flags;
}

export interface ApiTier extends Access, AsyncDisposable {
  readonly etcdUrl: string;
  /** Processes as they run now. */
  pids(): { readonly etcd: number; readonly apiServer: number };
  /** SIGKILL to the API server; resolves when it is gone. Its port stays its own. */
  kill(): Promise<void>;
  /** Starts it again where it was, killing it first when it runs; resolves when it is ready. */
  restart(): Promise<void>;
  /** The end of what the API server has logged. */
  log(): string;
}

const FOLDER_PREFIX = "sallyport-api-";
const ADDRESS = "127.0.0.1";
const PORT_ATTEMPTS_MAX = 5;
const PORT_TAKEN = "address already in use";

/** Why it cannot run here, in one line; nothing when it can. */
export function apiTierProblem(): string | undefined {
  return buildProblem() ?? clientsProblem();
}

export async function startApiTier(options: ApiTierOptions = {}): Promise<ApiTier> {
  const programs = await ensurePrograms(API_PROGRAMS);
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
  programs: Record<(typeof API_PROGRAMS)[number], string>,
  options: ApiTierOptions,
): Promise<ApiTier> {
  const [etcdPort = 0, peerPort = 0, port = 0] = await freePorts(3);
  const pki = makePki();
  const files = await writePki(pki, `${folder}/pki`, ["localhost", ADDRESS, "kubernetes.default.svc"]);
  const etcdUrl = `http://${ADDRESS}:${etcdPort}`;
  const etcdPlace = {
    folder: `${folder}/etcd`,
    clientUrl: etcdUrl,
    peerUrl: `http://${ADDRESS}:${peerPort}`,
  };
  const flags = {
    ...apiServerFlags({ etcdUrl, address: ADDRESS, port, files }),
    // An address of this host's own cannot be an endpoint of a Service.
    "endpoint-reconciler-type": "none",
    ...options.flags,
  };
  const run = (program: string, all: Flags): Child =>
    startChild([program, ...wordsOf(all)], { endedBy: "SIGKILL", folder });
  await using started = new AsyncDisposableStack();
  const etcd = started.use(run(programs.etcd, etcdFlags(etcdPlace)));
  let server = run(programs["kube-apiserver"], flags);
  started.defer(() => server[Symbol.asyncDispose]());
  const url = `https://${ADDRESS}:${port}`;
  const access = await openAccess(url, pki, folder);
  await whenReady({ url, pki }, server, etcd);
  const owned = started.move();

  async function kill(): Promise<void> {
    await server[Symbol.asyncDispose]();
  }
  return {
    ...access,
    etcdUrl,
    pids: () => ({ etcd: etcd.pid, apiServer: server.pid }),
    kill,
    async restart() {
      await kill();
      server = run(programs["kube-apiserver"], flags);
      await whenReady({ url, pki }, server, etcd);
    },
    log: () => server.output(),
    async [Symbol.asyncDispose]() {
      await owned.disposeAsync();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
