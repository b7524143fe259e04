/** A node with a release on it: pods in a labelled namespace, and the same containers where nobody puts a gateway beside them. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { CoreV1Api, type V1Pod } from "@kubernetes/client-node";
import { namespace, pod, shell, sleeper, spec } from "#test/installed/support/pods.ts";
import { type Release, installRelease } from "#test/installed/support/release.ts";

export interface NodeField extends AsyncDisposable {
  readonly release: Release;
  /** In a pod of ours or outside, as its agent; what it prints, whatever becomes of it. */
  inside(namespace: string, pod: string, script: string): Promise<string>;
  /** A process of the pod's, as the node's root sees it: its gateway where it has one. */
  processOf(namespace: string, pod: string): Promise<number>;
  /** Read by root of the node, off whose disk nothing is hidden. */
  readIn(pid: number, path: string): Promise<string>;
  /** Presents a pod's token with another key; `from`: a process in whose network, `uid`: as whom. */
  enrol(token: Stolen, from: number, uid: number): Promise<string>;
  steal(pod: string): Promise<Stolen>;
  read(namespace: string, pod: string): Promise<V1Pod>;
}

export interface Stolen {
  readonly uid: string;
  readonly pid: number;
  readonly gatewayUid: number;
  readonly token: string;
  readonly ca: string;
}

export const SHOP = "shop";
/** Without the label. */
export const OUTSIDE = "outside";
/** Pods of agents, each for one attack, since some end with the pod's identity in the thief's hands. */
export const VICTIMS = ["robbed-first", "robbed-later", "robbed-without-a-pin"] as const;

const ENROL = fileURLToPath(new URL("../programs/enrol.ts", import.meta.url));
const SYSTEM = "sallyport-system";
const TOKEN_FOLDER = "/var/run/sallyport/token";

export async function openNodeField(): Promise<NodeField> {
  await using opened = new AsyncDisposableStack();
  const release = opened.use(await installRelease());
  await release.apply(
    namespace(OUTSIDE),
    ...VICTIMS.map((name) => pod(SHOP, name, spec([sleeper()]))),
    pod(OUTSIDE, "loose", spec([sleeper()])),
    // A gateway as others put it into pods: in memory and at sockets that all containers share, one process table for all.
    pod(OUTSIDE, "shared", {
      ...spec([
        sleeper(),
        { ...shell("gateway", SHARING), env: [{ name: "CREDENTIAL", value: "canary-shared" }] },
      ]),
      shareProcessNamespace: true,
    }),
  );
  for (const at of [SHOP, OUTSIDE])
    await release.kubectl(`wait --namespace ${at} --for=condition=Ready pods --all --timeout=180s`);
  const owned = opened.move();
  return { ...toolsOf(release), [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Keeps what it holds where the pod's containers meet. */
const SHARING = `exec python3 - <<'PROGRAM'
import ctypes, os, socket
open("/dev/shm/credential", "w").write("canary-shared")
libc = ctypes.CDLL(None)
libc.shmget(0x5a11, 4096, 0o1666)
server = socket.socket(socket.AF_UNIX)
server.bind("\\0admin")
server.listen()
while True:
    client, _ = server.accept()
    client.sendall(b"canary-shared")
    client.close()
PROGRAM`;

function toolsOf(release: Release): Omit<NodeField, typeof Symbol.asyncDispose> {
  const { node } = release;
  const core = node.config.makeApiClient(CoreV1Api);
  const inNode = async (command: readonly [string, ...string[]], stdin = ""): Promise<string> => {
    const { code, stdout, stderr } = await node.inNode(command, stdin);
    assert.equal(code, 0, `${command.join(" ")}\n${stdout}${stderr}`);
    return stdout;
  };
  const read: NodeField["read"] = (of, name) => core.readNamespacedPod({ namespace: of, name });
  const processOf: NodeField["processOf"] = async (of, name) => {
    const uid = (await read(of, name)).metadata?.uid ?? "";
    const [pid] = (await inNode([process.execPath, "-e", PROCESSES, uid])).split(" ");
    assert.ok(Number(pid) > 1, `no process of ${of}/${name} is there`);
    return Number(pid);
  };
  const readIn: NodeField["readIn"] = (pid, path) => inNode(["cat", `/proc/${pid}/root${path}`]);
  return {
    release,
    read,
    processOf,
    readIn,
    inside: (of, name, script) => release.inAgent(of, name, `{ ${script}\n} 2>&1; true`),
    async steal(name) {
      const made = await read(SHOP, name);
      const pid = await processOf(SHOP, name);
      return {
        uid: made.metadata?.uid ?? "",
        pid,
        gatewayUid:
          made.spec?.initContainers?.find((one) => one.name === "gw")?.securityContext?.runAsUser ?? -1,
        token: (await readIn(pid, `${TOKEN_FOLDER}/token`)).trim(),
        ca: await readIn(pid, `${TOKEN_FOLDER}/ca.pem`),
      };
    },
    async enrol({ token, ca }, from, uid) {
      const host = await release.kubectl(
        `get pod sallyport-broker-0 --namespace ${SYSTEM} --output=jsonpath={.status.podIP}`,
      );
      const serverName = `sallyport-broker.${SYSTEM}.svc`;
      const asked = JSON.stringify({ token, ca, host, port: 8444, serverName });
      const as = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
      const command = ["nsenter", "-t", String(from), "-n", "--", ...as, process.execPath, ENROL] as const;
      return (await inNode([...command] as [string, ...string[]], asked)).trim();
    },
  };
}

/** Of the pod whose uid is told, its gateway first. */
const PROCESSES = `
const { readdirSync, readFileSync } = require("node:fs");
const [uid] = process.argv.slice(1);
const names = [uid, uid.replaceAll("-", "_")];
const found = [];
for (const pid of readdirSync("/proc").filter((name) => /^\\d+$/.test(name))) {
  try {
    if (!names.some((name) => readFileSync("/proc/" + pid + "/cgroup", "utf8").includes(name))) continue;
    const isGateway = readFileSync("/proc/" + pid + "/cmdline", "latin1").split("\\0").some((word) => word.endsWith("gateway.js"));
    const isNode = readFileSync("/proc/" + pid + "/comm", "utf8").startsWith("launcher") === false;
    found.push([isGateway && isNode ? 0 : 1, pid]);
  } catch (error) {
    if (error.code !== "ENOENT" && error.code !== "ESRCH") throw error;
  }
}
console.log(found.sort(([one], [other]) => one - other).map(([, pid]) => pid).join(" "));
`;
