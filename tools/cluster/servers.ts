/** etcd and an API server on ports of their own at 127.0.0.1. */
import { type Child, startChild } from "#tools/world/child.ts";
import type { API_PROGRAMS } from "./binaries.ts";
import { COLLECTING_SELDOM, type Flags, apiServerFlags, etcdFlags, wordsOf } from "./control-plane.ts";
import { type Pki, makePki, writePki } from "./pki.ts";
import { freePorts } from "./ports.ts";
import { whenReady } from "./ready.ts";

export type ApiPrograms = Readonly<Record<(typeof API_PROGRAMS)[number], string>>;

export interface ServersPlan {
  readonly programs: ApiPrograms;
  /** Everything of theirs; removed with them should we be killed. */
  readonly folder: string;
  readonly flags?: Flags;
  /** There is data in `etcdFolder(folder)` of a server that had been ready. */
  readonly isBootstrapped: boolean;
}

export interface Servers extends AsyncDisposable {
  readonly url: string;
  readonly etcdUrl: string;
  readonly pki: Pki;
  readonly etcd: Child;
  apiServer(): Child;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

const ADDRESS = "127.0.0.1";

export function etcdFolder(folder: string): string {
  return `${folder}/etcd`;
}

/** Resolves when the API server is ready. */
export async function startServers({
  programs,
  folder,
  flags,
  isBootstrapped,
}: ServersPlan): Promise<Servers> {
  const [etcdPort = 0, peerPort = 0, port = 0] = await freePorts(3);
  const pki = makePki();
  const files = await writePki(pki, `${folder}/pki`, ["localhost", ADDRESS, "kubernetes.default.svc"]);
  const etcdUrl = `http://${ADDRESS}:${etcdPort}`;
  const peerUrl = `http://${ADDRESS}:${peerPort}`;
  const etcdWords = wordsOf(etcdFlags({ folder: etcdFolder(folder), clientUrl: etcdUrl, peerUrl }));
  const apiServerWords = wordsOf({
    ...apiServerFlags({ etcdUrl, address: ADDRESS, port, files }),
    // An address of this host's own cannot be an endpoint of a Service.
    "endpoint-reconciler-type": "none",
    ...flags,
  });
  const run = (program: string, words: readonly string[]): Child =>
    startChild([program, ...words], { endedBy: "SIGKILL", folder, environment: COLLECTING_SELDOM });
  await using started = new AsyncDisposableStack();
  const etcd = started.use(run(programs.etcd, etcdWords));
  let apiServer = run(programs["kube-apiserver"], apiServerWords);
  started.defer(() => apiServer[Symbol.asyncDispose]());
  const url = `https://${ADDRESS}:${port}`;
  const ready = (): Promise<void> => whenReady({ url, pki, isBootstrapped }, apiServer, etcd);
  await ready();
  const owned = started.move();
  return {
    url,
    etcdUrl,
    pki,
    etcd,
    apiServer: () => apiServer,
    kill: async () => apiServer[Symbol.asyncDispose](),
    async restart() {
      await apiServer[Symbol.asyncDispose]();
      apiServer = run(programs["kube-apiserver"], apiServerWords);
      await ready();
    },
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}
