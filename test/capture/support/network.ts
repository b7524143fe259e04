/**
 * Pods without a cluster: network namespaces that end with the processes that hold them, each with one line to a world that has the
 * addresses agents ask for. `bare` has no rules: it shows that what is refused elsewhere would work.
 */
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { type Child, startChild } from "#tools/world/child.ts";

const run = promisify(execFile);

export interface Place {
  readonly pid: number;
  /** Of its own: the pod's address in each family. */
  readonly ipv4: string;
  readonly ipv6: string;
}

export interface Network extends AsyncDisposable {
  readonly pod: Place;
  readonly bare: Place;
  readonly world: Place;
}

export interface As {
  readonly uid: number;
  /** What is left of root's capabilities; none when it is left out. */
  readonly capabilities?: readonly string[];
}

export const AGENT: As = { uid: 10_001 };
export const GATEWAY: As = { uid: 41_873 };

/** Addresses of everyone whom a pod might want to reach. */
export const WORLD = {
  v4: "203.0.113.7",
  v6: "2001:db8:1::7",
  metadata: "169.254.169.254",
  api: "10.96.0.1",
  resolver: "9.9.9.9",
  resolver6: "2001:db8:1::9",
} as const;

/** Why none of it can run here, in one line. */
export function captureProblem(): string | undefined {
  if (process.platform !== "linux") return "network namespaces are Linux's";
  if (process.getuid?.() !== 0) return "network namespaces need root";
  const missing = ["ip", "nft", "nsenter", "setcap", "setpriv", "unshare", "go"].filter(
    (program) => spawnSync("which", [program]).status !== 0,
  );
  if (!existsSync("/usr/bin/python3")) missing.push("/usr/bin/python3");
  return missing.length === 0 ? undefined : `not installed: ${missing.join(" ")}`;
}

export async function openNetwork(): Promise<Network> {
  await using stack = new AsyncDisposableStack();
  const hold = async (): Promise<number> => stack.use(await heldNetwork()).pid;
  const [world, pod, bare] = [await hold(), await hold(), await hold()];
  const places = {
    world: { pid: world, ipv4: WORLD.v4, ipv6: WORLD.v6 },
    pod: wire(world, pod, 1),
    bare: wire(world, bare, 2),
  };
  ip(world, "link", "set", "lo", "up");
  for (const address of Object.values(WORLD)) ip(world, "addr", "add", address, "dev", "lo");
  const owned = stack.move();
  return { ...places, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** One more pod for the world that this process is in; each has a number of its own, from 1 to 254. */
export async function openPlace(number: number): Promise<Place & AsyncDisposable> {
  await using holder = new AsyncDisposableStack();
  const { pid } = holder.use(await heldNetwork());
  const place = wire(process.pid, pid, number);
  const owned = holder.move();
  return { ...place, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function heldNetwork(): Promise<Child> {
  const holder = startChild(["unshare", "--net", "sh", "-c", "echo here; exec sleep infinity"], {
    endedBy: "SIGKILL",
  });
  await holder.line(/^here$/m);
  return holder;
}

/** As a cluster does it: an address from the node's range, and everything else by way of the node. */
function wire(world: number, pod: number, number: number): Place {
  const place = { pid: pod, ipv4: `10.244.${number}.5`, ipv6: `fd00:10:${number}::5` };
  const here = `pod${number}`;
  const ends = ["type", "veth", "peer", "name", "eth0", "netns", String(pod)];
  ip(undefined, "link", "add", here, "netns", String(world), ...ends);
  const both = [
    { at: world, device: here, v4: `10.244.${number}.1/24`, v6: `fd00:10:${number}::1/64` },
    { at: pod, device: "eth0", v4: `${place.ipv4}/24`, v6: `${place.ipv6}/64` },
  ];
  for (const { at, device, v4, v6 } of both) {
    ip(at, "addr", "add", v4, "dev", device);
    ip(at, "addr", "add", v6, "dev", device, "nodad");
    ip(at, "link", "set", device, "up");
  }
  ip(pod, "link", "set", "lo", "up");
  ip(pod, "route", "add", "default", "via", `10.244.${number}.1`);
  ip(pod, "-6", "route", "add", "default", "via", `fd00:10:${number}::1`);
  return place;
}

function ip(pid: number | undefined, ...words: readonly string[]): void {
  const command =
    pid === undefined ? ["ip", ...words] : ["nsenter", "-t", String(pid), "-n", "--", "ip", ...words];
  execFileSync(command[0] ?? "", command.slice(1));
}

/** The words that start a program there, as a container would run it: no new privileges, and capabilities only by name. */
export function inside(place: Place, as: As | undefined, command: readonly string[]): [string, ...string[]] {
  const enter: [string, ...string[]] = ["nsenter", "-t", String(place.pid), "-n", "--"];
  if (as === undefined) return [...enter, ...command];
  const { uid, capabilities = [] } = as;
  const bounding = ["-all", ...capabilities.map((name) => `+${name}`)].join(",");
  const identity = [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "--no-new-privs"];
  // What only the bounding set holds, a program gets by its file or not at all; root gets it at exec.
  return [...enter, "setpriv", ...identity, `--bounding-set=${bounding}`, "--inh-caps=-all", ...command];
}

export async function outputIn(
  place: Place,
  as: As | undefined,
  ...command: readonly string[]
): Promise<string> {
  const [program, ...words] = inside(place, as, command);
  return (await run(program, words)).stdout;
}

export async function startIn(
  place: Place,
  as: As | undefined,
  command: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Child> {
  const child = startChild(inside(place, as, command), { endedBy: "SIGKILL", environment });
  return child;
}
