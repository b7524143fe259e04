/** The container runtime of the node, Debian's, with everything it writes in the cluster's folder. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { fullName } from "#tools/images/oci.ts";
import { type Machine, NodeTierFailed } from "./machine.ts";
import type { NodeNetwork } from "./network.ts";

/** Where Debian puts the plugins of containernetworking-plugins. */
export const CNI_PLUGINS = "/usr/lib/cni";
export const PAUSE_IMAGE = "localhost/test/pause:1";
const READY_MS_MAX = 10_000;

export interface LoadedImage {
  /** In full: `docker.io/sallyport/gateway:0.1.0`. */
  readonly name: string;
  readonly digest: string;
}

export interface Containerd {
  readonly socket: string;
  /** Loads an archive. Pods name what is in it by its own name, by any of `names`, and by `name@sha256:…`. */
  load(archive: string, names?: readonly string[]): Promise<readonly LoadedImage[]>;
}

export async function startContainerd(machine: Machine, network: NodeNetwork): Promise<Containerd> {
  const { folder } = machine;
  const socket = `${folder}/containerd.sock`;
  await writeFile(`${folder}/etc/containerd.toml`, settings(folder, socket));
  await writeFile(`${folder}/etc/cni/10-pods.conflist`, JSON.stringify(podNetwork(folder, network)));
  const program = machine.start("containerd", ["containerd", "--config", `${folder}/etc/containerd.toml`]);
  for (const deadlineMs = Date.now() + READY_MS_MAX; !existsSync(socket); await pause(10))
    if (program.hasEnded() || Date.now() > deadlineMs)
      throw new NodeTierFailed(`containerd does not start: ${program.output()}`);
  return { socket, load: (archive, names = []) => load(machine, socket, archive, names) };
}

function settings(folder: string, socket: string): string {
  return `version = 2
root = "${folder}/containerd/root"
state = "${folder}/containerd/state"
# Of no use here, and each would write or look elsewhere.
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "${socket}"
[ttrpc]
  address = "${socket}.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # A score below one's own takes a privilege that this machine may lack.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        BinaryName = "runc"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${CNI_PLUGINS}"
    conf_dir = "${folder}/etc/cni"
`;
}

/**
 * A pair of interfaces for each pod, without a bridge: the node routes every packet, so that kube-proxy and policies see it.
 * Nothing is masqueraded: a server on the host sees the pod's own address.
 */
function podNetwork(folder: string, { podRange }: NodeNetwork): object {
  return {
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [
      {
        type: "ptp",
        mtu: 1500,
        ipam: {
          type: "host-local",
          ranges: [[{ subnet: podRange }]],
          routes: [{ dst: "0.0.0.0/0" }],
          dataDir: `${folder}/addresses`,
        },
      },
    ],
  };
}

const UNPACKING = /^unpacking (\S+) \((sha256:[0-9a-f]{64})\)/gm;

async function load(
  machine: Machine,
  socket: string,
  archive: string,
  names: readonly string[],
): Promise<readonly LoadedImage[]> {
  const ctr = async (words: readonly string[], stdin?: { readonly file: string }): Promise<string> => {
    const command = ["ctr", "--address", socket, "--namespace", "k8s.io", "images", ...words] as const;
    const { code, stdout, stderr } = await machine.run(command, stdin);
    if (code !== 0) throw new NodeTierFailed(`ctr images ${words.join(" ")}: ${stderr.trim()}`);
    return stdout;
  };
  const said = await ctr(["import", "-"], { file: archive });
  const images = [...said.matchAll(UNPACKING)].map(([, name = "", digest = ""]) => ({ name, digest }));
  const [first] = images;
  if (first === undefined) throw new NodeTierFailed(`${archive} holds no image: ${said.trim()}`);
  const aliases = names.map(fullName).filter((name) => images.every((image) => image.name !== name));
  const all = [...images, ...aliases.map((name) => ({ name, digest: first.digest }))];
  if (aliases.length > 0) await ctr(["tag", "--force", first.name, ...aliases]);
  for (const { name, digest } of all) await ctr(["tag", "--force", name, byDigest(name, digest)]);
  return all;
}

/** `localhost/test/agent:1` → `localhost/test/agent@sha256:…`. */
function byDigest(name: string, digest: string): string {
  return `${name.replace(/:[^:/]+$/, "")}@${digest}`;
}
