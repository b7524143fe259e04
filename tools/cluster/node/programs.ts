/** The programs of Kubernetes on the node besides etcd and the API server, and how each is set. */
import { writeFile } from "node:fs/promises";
import { type Flags, wordsOf } from "../control-plane.ts";
import type { Machine, Program } from "./machine.ts";
import type { NodeNetwork } from "./network.ts";

export const NODE_NAME = "node";
export const DNS_SERVICE_ADDRESS = "10.96.0.10";
export const CLUSTER_DOMAIN = "cluster.local";

/** kubeconfig files of the node's programs, each for who the program is. */
export interface Identities {
  readonly controllerManager: string;
  readonly scheduler: string;
  readonly kubelet: string;
  readonly proxy: string;
}

export interface NodeFiles {
  readonly ca: string;
  readonly tokenPrivateKey: string;
  readonly kubeletCertificate: string;
  readonly kubeletKey: string;
}

export interface NodeSetting {
  readonly binaries: string;
  readonly network: NodeNetwork;
  readonly identities: Identities;
  readonly files: NodeFiles;
  readonly runtimeSocket: string;
  readonly controlGroup: string;
}

export async function startPrograms(machine: Machine, setting: NodeSetting): Promise<readonly Program[]> {
  const { binaries } = setting;
  const configuration = (name: string): string => `${machine.folder}/etc/${name}.json`;
  await writeFile(configuration("kubelet"), JSON.stringify(kubeletSettings(machine.folder, setting)));
  await writeFile(configuration("kube-proxy"), JSON.stringify(proxySettings(setting)));
  await writeFile(`${machine.folder}/etc/resolv.conf`, `nameserver ${setting.network.nodeAddress}\n`);
  const kubelet: Flags = {
    config: configuration("kubelet"),
    kubeconfig: setting.identities.kubelet,
    "hostname-override": NODE_NAME,
    "node-ip": setting.network.nodeAddress,
    "root-dir": `${machine.folder}/kubelet`,
  };
  const words = {
    kubelet: wordsOf(kubelet),
    "kube-controller-manager": wordsOf(controllerManagerFlags(machine.folder, setting)),
    "kube-scheduler": wordsOf(schedulerFlags(setting)),
    "kube-proxy": [`--config=${configuration("kube-proxy")}`],
  };
  return Object.entries(words).map(([name, all]) => machine.start(name, [`${binaries}/${name}`, ...all]));
}

function controllerManagerFlags(folder: string, { identities, files }: NodeSetting): Flags {
  return {
    kubeconfig: identities.controllerManager,
    "authentication-kubeconfig": identities.controllerManager,
    "authorization-kubeconfig": identities.controllerManager,
    "service-account-private-key-file": files.tokenPrivateKey,
    "root-ca-file": files.ca,
    "use-service-account-credentials": "true",
    // Each controller has a client of its own, and at the default rate a namespace waits seconds for its service account.
    "kube-api-qps": "500",
    "kube-api-burst": "1000",
    "leader-elect": "false",
    "bind-address": "127.0.0.1",
    // Made when it is not there, by default below /usr.
    "flex-volume-plugin-dir": `${folder}/volume-plugins`,
  };
}

function schedulerFlags({ identities }: NodeSetting): Flags {
  return {
    kubeconfig: identities.scheduler,
    "authentication-kubeconfig": identities.scheduler,
    "authorization-kubeconfig": identities.scheduler,
    "leader-elect": "false",
    "bind-address": "127.0.0.1",
  };
}

function kubeletSettings(folder: string, setting: NodeSetting): object {
  const { files, runtimeSocket, controlGroup } = setting;
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    containerRuntimeEndpoint: `unix://${runtimeSocket}`,
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${controlGroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    // Only a privileged host lets it be lower, and more open files than the host's limit cannot be had.
    oomScoreAdj: 0,
    maxOpenFiles: 20_000,
    makeIPTablesUtilChains: false,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: files.ca },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: files.kubeletCertificate,
    tlsPrivateKeyFile: files.kubeletKey,
    // The host's disk may be as full as it likes: nothing is evicted and no image is removed for it.
    evictionHard: {
      "memory.available": "100Mi",
      "nodefs.available": "0%",
      "nodefs.inodesFree": "0%",
      "imagefs.available": "0%",
    },
    imageGCHighThresholdPercent: 100,
    podLogsDir: `${folder}/pod-logs`,
    volumePluginDir: `${folder}/volume-plugins`,
    resolvConf: `${folder}/etc/resolv.conf`,
    clusterDNS: [DNS_SERVICE_ADDRESS],
    clusterDomain: CLUSTER_DOMAIN,
    nodeStatusUpdateFrequency: "2s",
    syncFrequency: "10s",
  };
}

function proxySettings({ identities, network }: NodeSetting): object {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    hostnameOverride: NODE_NAME,
    clusterCIDR: network.podRange,
    clientConnection: { kubeconfig: identities.proxy },
    oomScoreAdj: 0,
    // Settings of the whole host: left as they are.
    conntrack: { maxPerCore: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
  };
}
