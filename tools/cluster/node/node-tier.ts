/**
 * A whole Kubernetes with one node on this machine: `await using node = await startNodeTier()`. Pods run; what runs on the host
 * reaches the API server and pods by their addresses, and they reach the host by `hostAddress`, and nothing further.
 */
import { copyFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CoreV1Api } from "@kubernetes/client-node";
import { type Access, openAccess } from "../access.ts";
import { ALL_PROGRAMS, type Program as Built, ensurePrograms } from "../binaries.ts";
import type { Flags } from "../control-plane.ts";
import type { Pki } from "../pki.ts";
import { copyTemplate } from "../template.ts";
import { makeControlGroups } from "./cgroups.ts";
import { type LoadedImage, startContainerd } from "./containerd.ts";
import { DNS_READY, type DnsSettings } from "./dns/settings.ts";
import { nameOf, newFolder, sweep } from "./folder.ts";
import { pauseImage, pauseProgram } from "./images.ts";
import {
  type Command,
  type Machine,
  NodeTierFailed,
  type Output,
  type Program,
  startMachine,
} from "./machine.ts";
import { type NodeNetwork, connectToHost } from "./network.ts";
import { DNS_USER, makeObjects } from "./objects.ts";
import { CLUSTER_DOMAIN, NODE_NAME, startPrograms } from "./programs.ts";
import { startServers } from "./servers.ts";

export interface NodeTierOptions {
  /** Flags of the API server, over ours. */
  readonly flags?: Flags;
}

export interface NodeTier extends Access, NodeNetwork, AsyncDisposable {
  readonly nodeName: string;
  readonly folder: string;
  /** Of the process that holds its namespaces, for `nsenter`. */
  readonly pid: number;
  /** Loads an archive of images; pods name them by their own name, by any of `names`, and by `name@sha256:…`. */
  import(archive: string, names?: readonly string[]): Promise<readonly LoadedImage[]>;
  /** Runs a command in the namespaces of the node. */
  inNode(command: Command, stdin?: string): Promise<Output>;
  /** What names outside of the cluster mean to pods: all of them, at each call anew. */
  setOutsideNames(names: Readonly<Record<string, readonly string[]>>): Promise<void>;
  /** SIGKILL to the API server; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again, killing it first when it runs; resolves when it is ready. */
  restart(): Promise<void>;
}

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
const DNS_PROGRAM = fileURLToPath(new URL("dns/main.ts", import.meta.url));
const DNS_PORT = 53;
const READY_MS_MAX = 60_000;
const POLL_MS = 25;
const OUTPUT_CHARS = 1_000;

export async function startNodeTier(options: NodeTierOptions = {}): Promise<NodeTier> {
  const programs = await ensurePrograms(ALL_PROGRAMS);
  // The same two as on the api tier, whose data it begins with.
  const apiPrograms = { etcd: programs.etcd, "kube-apiserver": programs["kube-apiserver"] };
  const [holder, pauseArchive] = [await pauseProgram(), await pauseImage()];
  await sweep();
  const folder = await newFolder();
  await using started = new AsyncDisposableStack();
  started.defer(() => rm(folder, { recursive: true, force: true }));
  await Promise.all([copyFile(holder, `${folder}/pause`), copyTemplate(apiPrograms, folder)]);
  const kept = [REPOSITORY, dirname(process.execPath), ...new Set(Object.values(programs).map(dirname))];
  const machine = started.use(await startMachine(folder, kept));
  makeControlGroups(nameOf(folder));
  const network = await connectToHost(machine);
  const tier = await startIn(machine, network, { programs, pauseArchive, flags: options.flags ?? {} });
  const owned = started.move();
  return { ...tier, [Symbol.asyncDispose]: async () => owned.disposeAsync() };
}

interface Parts {
  readonly programs: Readonly<Record<Built, string>>;
  readonly pauseArchive: string;
  readonly flags: Flags;
}

/** What can be started at once is: the API server is what all wait for. */
async function startIn(
  machine: Machine,
  network: NodeNetwork,
  { programs, pauseArchive, flags }: Parts,
): Promise<Omit<NodeTier, typeof Symbol.asyncDispose>> {
  const { folder } = machine;
  const outsideFile = `${folder}/etc/outside-names.json`;
  const setOutsideNames = (names: Readonly<Record<string, readonly string[]>>): Promise<void> =>
    writeFile(outsideFile, JSON.stringify(names));
  const servers = await startServers(machine, network, programs, flags);
  const { url, pki, files } = servers;
  const access = await openAccess(url, pki, folder);
  await setOutsideNames({});
  const dns = await startDns(machine, network, { pki, url, outsideFile });
  const containerd = await startContainerd(machine, network);
  await Promise.all([containerd.load(pauseArchive), servers.ready()]);
  const nodePrograms = await startPrograms(machine, {
    binaries: dirname(programs.kubelet),
    network,
    identities: await identities(access),
    files,
    runtimeSocket: containerd.socket,
    controlGroup: nameOf(folder),
  });
  await Promise.all([
    makeObjects(access.config, folder, network),
    whenNodeIsReady(access, [dns, ...nodePrograms]),
  ]);
  return {
    ...access,
    ...network,
    folder,
    pid: machine.pid,
    nodeName: NODE_NAME,
    namespace: async (labels) => makeNamespace(access, labels),
    import: containerd.load,
    inNode: machine.run,
    setOutsideNames,
    kill: servers.kill,
    restart: servers.restart,
  };
}

async function identities(access: Access) {
  const as = (user: string, ...groups: readonly string[]): Promise<string> =>
    access.kubeconfigOf({ user, groups });
  return {
    controllerManager: await as("system:kube-controller-manager"),
    scheduler: await as("system:kube-scheduler"),
    kubelet: await as(`system:node:${NODE_NAME}`, "system:nodes"),
    proxy: await as("system:kube-proxy"),
  };
}

async function startDns(
  machine: Machine,
  { nodeAddress }: NodeNetwork,
  { pki, url, outsideFile }: { readonly pki: Pki; readonly url: string; readonly outsideFile: string },
): Promise<Program> {
  const { certificatePem: certificate, keyPem: key } = pki.client(DNS_USER);
  const settings: DnsSettings = {
    address: nodeAddress,
    port: DNS_PORT,
    domain: CLUSTER_DOMAIN,
    api: { url, ca: pki.caPem, certificate, key },
    outsideFile,
  };
  const file = `${machine.folder}/etc/dns.json`;
  await writeFile(file, JSON.stringify(settings), { mode: 0o600 });
  return machine.start("dns", [process.execPath, DNS_PROGRAM, file]);
}

/** And all programs run that it is made of: logs go with the cluster, so what one has said is told here. */
async function whenNodeIsReady({ config }: Access, programs: readonly Program[]): Promise<void> {
  const api = config.makeApiClient(CoreV1Api);
  const said = (some: readonly Program[]): string =>
    some.map((program) => `\n${program.name}: ${program.output().slice(-OUTPUT_CHARS)}`).join("");
  await poll(
    async () => {
      const ended = programs.filter((program) => program.hasEnded());
      if (ended.length > 0) throw new NodeTierFailed(`the node loses a program${said(ended)}`);
      const { items } = await api.listNode();
      return items.some(({ status }) =>
        status?.conditions?.some(({ type, status: state }) => type === "Ready" && state === "True"),
      );
    },
    () => `the node is not Ready${said(programs)}`,
  );
  await poll(
    async () => programs.some(({ name, output }) => name === "dns" && output().includes(DNS_READY)),
    () => `DNS does not start${said(programs)}`,
  );
}

/** Unlike on the api tier, a controller makes the service account. */
async function makeNamespace(
  { config }: Access,
  labels: Readonly<Record<string, string>> = {},
): Promise<string> {
  const api = config.makeApiClient(CoreV1Api);
  const { metadata } = await api.createNamespace({
    body: { metadata: { generateName: "test-", labels: { ...labels } } },
  });
  const namespace = metadata?.name ?? "";
  const isThere = async (): Promise<boolean> => {
    const { items } = await api.listNamespacedServiceAccount({ namespace });
    return items.some(({ metadata: found }) => found?.name === "default");
  };
  await poll(isThere, () => `${namespace} gets no service account`);
  return namespace;
}

async function poll(isSo: () => Promise<boolean>, otherwise: () => string): Promise<void> {
  for (const deadlineMs = Date.now() + READY_MS_MAX; !(await isSo()); await pause(POLL_MS))
    if (Date.now() > deadlineMs) throw new NodeTierFailed(otherwise());
}
