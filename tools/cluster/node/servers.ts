/** etcd and the API server in the node's namespaces, from where a Service's address works for webhooks too. */
import { writeFile } from "node:fs/promises";
import { type Flags, apiServerFlags, etcdFlags, wordsOf } from "../control-plane.ts";
import { type Pki, type PkiFiles, makePki, writePki } from "../pki.ts";
import { whenReady } from "../ready.ts";
import { type ApiPrograms, etcdFolder } from "../servers.ts";
import type { Machine, Program } from "./machine.ts";
import type { NodeNetwork } from "./network.ts";
import { NODE_NAME } from "./programs.ts";

export interface NodeServers {
  readonly url: string;
  readonly pki: Pki;
  readonly files: PkiFiles & KubeletFiles;
  ready(): Promise<void>;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

const API_PORT = 6443;
/** Only the node's own programs reach it there: pods are not to. */
const ETCD_URL = "http://127.0.0.1:2379";
const ETCD_PEER_URL = "http://127.0.0.1:2380";
/** The first address of the range of Services. */
const API_SERVICE_ADDRESS = "10.96.0.1";

/** On the data that lies in `etcdFolder(machine.folder)`. */
export async function startServers(
  machine: Machine,
  { nodeAddress }: NodeNetwork,
  programs: ApiPrograms,
  flags: Flags,
): Promise<NodeServers> {
  const { folder } = machine;
  const pki = makePki();
  const names = [
    "kubernetes.default.svc",
    "kubernetes.default",
    "kubernetes",
    nodeAddress,
    API_SERVICE_ADDRESS,
  ];
  const files = {
    ...(await writePki(pki, `${folder}/pki`, names)),
    ...(await writeKubeletFiles(pki, folder, nodeAddress)),
  };
  const url = `https://${nodeAddress}:${API_PORT}`;
  const etcdPlace = { folder: etcdFolder(folder), clientUrl: ETCD_URL, peerUrl: ETCD_PEER_URL };
  const etcd = machine.start("etcd", [programs.etcd, ...wordsOf(etcdFlags(etcdPlace))]);
  const words = wordsOf({
    ...apiServerFlags({ etcdUrl: ETCD_URL, address: nodeAddress, port: API_PORT, files }),
    "kubelet-client-certificate": files.toKubeletCertificate,
    "kubelet-client-key": files.toKubeletKey,
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
  const start = (): Program => machine.start("kube-apiserver", [programs["kube-apiserver"], ...words]);
  let server = start();
  const ready = (): Promise<void> => whenReady({ url, pki, isBootstrapped: true }, server, etcd);
  return {
    url,
    pki,
    files,
    ready,
    kill: () => server.kill("SIGKILL"),
    async restart() {
      await server.kill("SIGKILL");
      server = start();
      await ready();
    },
  };
}

/** How the kubelet shows itself to the API server that asks it for logs, and the other way round. */
export interface KubeletFiles {
  readonly kubeletCertificate: string;
  readonly kubeletKey: string;
  readonly toKubeletCertificate: string;
  readonly toKubeletKey: string;
}

async function writeKubeletFiles(pki: Pki, folder: string, nodeAddress: string): Promise<KubeletFiles> {
  const kubelet = pki.server(NODE_NAME, nodeAddress);
  const toKubelet = pki.client("kube-apiserver-kubelet-client", ["system:masters"]);
  const files: KubeletFiles = {
    kubeletCertificate: `${folder}/pki/kubelet.crt`,
    kubeletKey: `${folder}/pki/kubelet.key`,
    toKubeletCertificate: `${folder}/pki/to-kubelet.crt`,
    toKubeletKey: `${folder}/pki/to-kubelet.key`,
  };
  const contents: Record<keyof KubeletFiles, string> = {
    kubeletCertificate: kubelet.certificatePem,
    kubeletKey: kubelet.keyPem,
    toKubeletCertificate: toKubelet.certificatePem,
    toKubeletKey: toKubelet.keyPem,
  };
  for (const name of Object.keys(files) as (keyof KubeletFiles)[])
    await writeFile(files[name], contents[name], { mode: 0o600 });
  return files;
}
