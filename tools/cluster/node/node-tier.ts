/**
 * A whole Kubernetes with one node on this machine: `await using node = await startNodeTier()`. Pods run; what runs on the host
 * reaches the API server and pods by their addresses, and they reach the host by `hostAddress`, and nothing further.
 */
import { copyFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CoreV1Api } from "@kubernetes/client-node";
import { type Access, openAccess } from "../access.ts";
import { ALL_PROGRAMS, ensurePrograms, type Program as Built } from "../binaries.ts";
import { type Flags, apiServerFlags, etcdFlags, wordsOf } from "../control-plane.ts";
import { type Pki, makePki, writePki } from "../pki.ts";
import { whenReady } from "../ready.ts";
import { makeControlGroups } from "./cgroups.ts";
import { type LoadedImage, startContainerd } from "./containerd.ts";
import type { DnsSettings } from "./dns/main.ts";
import { nameOf, newFolder, sweep } from "./folder.ts";
import { pauseImage, pauseProgram } from "./images.ts";
import {
  type Command,
  type Machine,
  type Output,
  type Program,
  NodeTierFailed,
  startMachine,
} from "./machine.ts";
import { type NodeNetwork, connectToHost } from "./network.ts";
import { DNS_USER, makeObjects } from "./objects.ts";
import { CLUSTER_DOMAIN, NODE_NAME, type NodeFiles, startPrograms } from "./programs.ts";

export interface NodeTierOptions {
  /** Flags of the API server, over ours. */
  readonly flags?: Flags;
}

export interface NodeTier extends Access, NodeNetwork, AsyncDisposable {
  readonly nodeName: string;
  readonly folder: string;
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

const API_PORT = 6443;
const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
const DNS_PROGRAM = fileURLToPath(new URL("dns/main.ts", import.meta.url));
const READY_MS_MAX = 60_000;
const POLL_MS = 25;
const ETCD_URL = "http://127.0.0.1:2379";
const ETCD_PEER_URL = "http://127.0.0.1:2380";
/** The first address of the range of Services. */
const API_SERVICE_ADDRESS = "10.96.0.1";

export async function startNodeTier(options: NodeTierOptions = {}): Promise<NodeTier> {
  const programs = await ensurePrograms(ALL_PROGRAMS);
  const [holder, pauseArchive] = [await pauseProgram(), await pauseImage()];
  await sweep();
  const folder = await newFolder();
  await copyFile(holder, `${folder}/pause`);
  const kept = [REPOSITORY, dirname(process.execPath), ...new Set(Object.values(programs).map(dirname))];
  await using started = new AsyncDisposableStack();
  const machine = started.use(await startMachine(folder, kept));
  makeControlGroups(nameOf(folder));
  const network = await connectToHost(machine);
  const tier = await startIn(machine, network, { programs, pauseArchive, flags: options.flags ?? {} });
  const owned = started.move();
  return { ...tier, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

interface Parts {
  readonly programs: Readonly<Record<Built, string>>;
  readonly pauseArchive: string;
  readonly flags: Flags;
}

async function startIn(
  machine: Machine,
  network: NodeNetwork,
  { programs, pauseArchive, flags }: Parts,
): Promise<Omit<NodeTier, typeof Symbol.asyncDispose>> {
  const { folder } = machine;
  const { nodeAddress } = network;
  const pki = makePki();
  const names = [
    "kubernetes.default.svc",
    "kubernetes.default",
    "kubernetes",
    nodeAddress,
    API_SERVICE_ADDRESS,
  ];
  const files = await writePki(pki, `${folder}/pki`, names);
  const nodeFiles = { ...files, ...(await writeNodeFiles(pki, folder, nodeAddress)) };
  const url = `https://${nodeAddress}:${API_PORT}`;
  const access = await openAccess(url, pki, folder);
  const etcdPlace = { folder: `${folder}/etcd`, clientUrl: ETCD_URL, peerUrl: ETCD_PEER_URL };
  const etcd = machine.start("etcd", [programs.etcd, ...wordsOf(etcdFlags(etcdPlace))]);
  const serverWords = wordsOf({
    ...apiServerFlags({ etcdUrl: ETCD_URL, address: nodeAddress, port: API_PORT, files }),
    "kubelet-client-certificate": nodeFiles.toKubeletCertificate,
    "kubelet-client-key": nodeFiles.toKubeletKey,
    "kubelet-certificate-authority": files.ca,
    "kubelet-preferred-address-types": "InternalIP",
    // Nobody stands before this server; the controller manager and the scheduler ask who might, again and again.
    "requestheader-client-ca-file": files.ca,
    "requestheader-allowed-names": "front-proxy",
    "requestheader-username-headers": "X-Remote-User",
    "requestheader-group-headers": "X-Remote-Group",
    "requestheader-extra-headers-prefix": "X-Remote-Extra-",
    ...flags,
  });
  const startServer = (): Program =>
    machine.start("kube-apiserver", [programs["kube-apiserver"], ...serverWords]);
  let server = startServer();
  const containerd = await startContainerd(machine, network);
  const setOutsideNames = (outside: Readonly<Record<string, readonly string[]>>): Promise<void> =>
    writeFile(`${folder}/etc/outside-names.json`, JSON.stringify(outside));
  await setOutsideNames({});
  await startDns(machine, network, pki, url);
  const loading = containerd.load(pauseArchive);
  await Promise.all([loading, whenReady({ url, pki }, server, etcd)]);
  await startPrograms(machine, {
    binaries: dirname(programs.kubelet),
    network,
    identities: await identities(access),
    files: nodeFiles,
    runtimeSocket: containerd.socket,
    controlGroup: nameOf(folder),
  });
  await Promise.all([makeObjects(access.config, folder, network), whenNodeIsReady(access)]);
  return {
    ...access,
    ...network,
    folder,
    nodeName: NODE_NAME,
    namespace: async (labels) => makeNamespace(access, labels),
    import: containerd.load,
    inNode: machine.run,
    setOutsideNames,
    kill: () => server.kill("SIGKILL"),
    async restart() {
      await server.kill("SIGKILL");
      server = startServer();
      await whenReady({ url, pki }, server, etcd);
    },
  };
}

interface OwnFiles extends Pick<NodeFiles, "kubeletCertificate" | "kubeletKey"> {
  readonly toKubeletCertificate: string;
  readonly toKubeletKey: string;
}

/** How the kubelet shows itself to the API server that asks it for logs, and the other way round. */
async function writeNodeFiles(pki: Pki, folder: string, nodeAddress: string): Promise<OwnFiles> {
  const kubelet = pki.server(NODE_NAME, nodeAddress);
  const toKubelet = pki.client("kube-apiserver-kubelet-client", ["system:masters"]);
  const files: OwnFiles = {
    kubeletCertificate: `${folder}/pki/kubelet.crt`,
    kubeletKey: `${folder}/pki/kubelet.key`,
    toKubeletCertificate: `${folder}/pki/to-kubelet.crt`,
    toKubeletKey: `${folder}/pki/to-kubelet.key`,
  };
  const contents: Record<keyof OwnFiles, string> = {
    kubeletCertificate: kubelet.certificatePem,
    kubeletKey: kubelet.keyPem,
    toKubeletCertificate: toKubelet.certificatePem,
    toKubeletKey: toKubelet.keyPem,
  };
  for (const name of Object.keys(files) as (keyof OwnFiles)[])
    await writeFile(files[name], contents[name], { mode: 0o600 });
  return files;
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
  pki: Pki,
  url: string,
): Promise<void> {
  const { folder } = machine;
  const { certificatePem: certificate, keyPem: key } = pki.client(DNS_USER);
  const settings: DnsSettings = {
    address: nodeAddress,
    port: 53,
    domain: CLUSTER_DOMAIN,
    api: { url, ca: pki.caPem, certificate, key },
    outsideFile: `${folder}/etc/outside-names.json`,
  };
  await writeFile(`${folder}/etc/dns.json`, JSON.stringify(settings), { mode: 0o600 });
  machine.start("dns", [process.execPath, DNS_PROGRAM, `${folder}/etc/dns.json`]);
}

async function whenNodeIsReady({ config }: Access): Promise<void> {
  const api = config.makeApiClient(CoreV1Api);
  await poll("the node is not Ready", async () => {
    const { items } = await api.listNode();
    return items.some(({ status }) =>
      status?.conditions?.some(({ type, status: state }) => type === "Ready" && state === "True"),
    );
  });
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
  await poll(`${namespace} gets no service account`, async () => {
    const { items } = await api.listNamespacedServiceAccount({ namespace });
    return items.some(({ metadata: found }) => found?.name === "default");
  });
  return namespace;
}

async function poll(otherwise: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const deadlineMs = Date.now() + READY_MS_MAX; !(await isSo()); await pause(POLL_MS))
    if (Date.now() > deadlineMs) throw new NodeTierFailed(otherwise);
}
