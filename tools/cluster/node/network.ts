/**
 * The node's network: a pair of interfaces between the host and the machine, and a route on the host to the node's pods. So
 * what runs on the host, kubectl and tests, reaches the API server and every pod by its address, and webhooks and servers of
 * tests are reached from in there. Nothing else is: the node has no way further. All of it goes with the machine.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { SERVICE_RANGE } from "../control-plane.ts";
import { type Machine, NodeTierFailed } from "./machine.ts";

const run = promisify(execFile);
/** As many clusters on one host as there are third bytes in an address. */
const NUMBERS = 256;

export interface NodeNetwork {
  /** The node as the host and pods know it. */
  readonly nodeAddress: string;
  /** The host, where the tests run, as the node and pods know it. */
  readonly hostAddress: string;
  readonly podRange: string;
}

export async function connectToHost(machine: Machine): Promise<NodeNetwork> {
  for (let number = 0; number < NUMBERS; number += 1) {
    const network: NodeNetwork = {
      hostAddress: `10.200.${number}.1`,
      nodeAddress: `10.200.${number}.2`,
      podRange: `10.244.${number}.0/24`,
    };
    // The interface's name is the claim: the kernel gives it once.
    if (!(await isTaken(network)) && (await claim(`sallyport${number}`, machine.pid))) {
      await configure(`sallyport${number}`, machine, network);
      return network;
    }
  }
  throw new NodeTierFailed(`all ${NUMBERS} networks for clusters are in use`);
}

/** By something of the host's own, which has a more exact way to one of the addresses than the default one. */
async function isTaken({ nodeAddress, podRange }: NodeNetwork): Promise<boolean> {
  for (const address of [nodeAddress, podRange.replace("0/24", "1")]) {
    const { stdout } = await run("ip", ["-json", "-4", "route", "show", "to", "match", address]);
    const routes = JSON.parse(stdout) as { dst: string }[];
    if (routes.some(({ dst }) => dst !== "default")) return true;
  }
  return false;
}

async function claim(name: string, pid: number): Promise<boolean> {
  const pair = ["link", "add", name, "type", "veth", "peer", "name", "node0", "netns", String(pid)];
  try {
    await run("ip", pair);
    return true;
  } catch (error) {
    const { message } = error as Error;
    if (message.includes("File exists")) return false;
    throw new NodeTierFailed(`no interface for the node: ${message}`);
  }
}

async function configure(name: string, machine: Machine, network: NodeNetwork): Promise<void> {
  const { nodeAddress, hostAddress, podRange } = network;
  const inNode = [
    `address add ${nodeAddress}/30 dev node0`,
    "link set node0 up",
    // A program of the node's own needs a way to a Service's address before kube-proxy rewrites it.
    `route add ${SERVICE_RANGE} via ${hostAddress}`,
  ];
  const { code, stderr } = await machine.run(["ip", "-batch", "-"], `${inNode.join("\n")}\n`);
  if (code !== 0) throw new NodeTierFailed(`the node's network cannot be set: ${stderr}`);
  await run("ip", ["address", "add", `${hostAddress}/30`, "dev", name]);
  await run("ip", ["link", "set", name, "up"]);
  await run("ip", ["route", "add", podRange, "via", nodeAddress]);
}
