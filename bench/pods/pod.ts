/** One pod as it would run on a node: rules by gw-init, the gateway as its image starts it, and an agent that does what it is told. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { READY, startGateway } from "#test/capture/support/gateway.ts";
import { runGwInit } from "#test/capture/support/gw-init.ts";
import { AGENT, GATEWAY, type Place, inside, openPlace } from "#test/capture/support/network.ts";
import type { Agent } from "#test/cluster-broker/support/world.ts";
import { SERVER_NAME } from "#test/port/tls.ts";
import { GATEWAY_ENVIRONMENT, gatewayCommand } from "#tools/images/gateway.ts";
import type { Answered, Answers, Asked, Task } from "./agent-messages.ts";
import type { BenchCluster } from "./cluster.ts";
import { NAMES } from "./own-network.ts";
import { PORTS } from "./ports.ts";

const STARTS_MS = 60_000;
const AGENT_PROGRAM = fileURLToPath(new URL("agent.ts", import.meta.url));

export interface BenchPod extends AsyncDisposable {
  readonly place: Place;
  readonly agent: Agent;
  tell<Kind extends Task["kind"]>(task: Extract<Task, { kind: Kind }>): Promise<Answers[Kind]>;
  residentBytes(): number;
}

/** The gateway has its plan, or waits for it at most as long as its first clients would. */
export async function startPod(cluster: BenchCluster, number: number): Promise<BenchPod> {
  await using opened = new AsyncDisposableStack();
  const place = opened.use(await openPlace(number));
  const init = runGwInit(cluster.gwInit.file, place);
  if (init.status !== 0) throw new Error(`the rules do not hold: ${JSON.stringify(init)}`);
  const agent = await cluster.agent(place.ipv4);
  const tokens = await mkdtemp(join(tmpdir(), "sallyport-bench-token-"));
  opened.defer(() => rm(tokens, { recursive: true }));
  await chmod(tokens, 0o755);
  await give(join(tokens, "token"), await agent.token());
  await give(join(tokens, "ca.pem"), cluster.authorityPem);
  const { programs, namespace, node } = cluster;
  const command = gatewayCommand(join(programs, "launcher"), process.execPath, join(programs, "gateway.js"));
  const environment = {
    ...GATEWAY_ENVIRONMENT,
    POD_NAME: agent.name,
    POD_NAMESPACE: namespace,
    POD_UID: agent.uid,
    NODE_NAME: node.name,
    GW_BROKER: `${SERVER_NAME}:${PORTS.gateways}`,
    GW_RESOLVERS: NAMES,
  };
  const gateway = opened.use(startGateway(place, command, environment, tokens));
  await gateway.line(READY, STARTS_MS);
  await gateway.line(/connected to the broker/, STARTS_MS);
  const program = await startAgent(place, cluster.server.port);
  opened.defer(() => program.disconnect());
  const owned = opened.move();
  return {
    place,
    agent,
    tell: asking(program),
    residentBytes: () => residentBytes(gatewayOf(gateway.pid)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** As the kubelet gives them: to the gateway's user alone. */
async function give(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(path, content, { mode: 0o600 });
  await chown(path, GATEWAY.uid, GATEWAY.uid);
}

async function startAgent(place: Place, port: number): Promise<ChildProcess> {
  const [enter, ...words] = inside(place, AGENT, [process.execPath, AGENT_PROGRAM, String(port)]);
  const child = spawn(enter, words, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    serialization: "advanced",
    env: { PATH: process.env["PATH"], HOME: "/nonexistent" },
  });
  await once(child, "message", { signal: AbortSignal.timeout(STARTS_MS) });
  return child;
}

function asking(child: ChildProcess): BenchPod["tell"] {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let asked = 0;
  child.on("message", ({ id, answer, failed }: Answered) => {
    const one = waiting.get(id);
    waiting.delete(id);
    if (failed === undefined) one?.resolve(answer);
    else one?.reject(new Error(`an agent: ${failed}`));
  });
  child.on("exit", () => {
    for (const { reject } of waiting.values()) reject(new Error("an agent has ended"));
  });
  return (task) => {
    asked += 1;
    const one = Promise.withResolvers<unknown>();
    waiting.set(asked, one);
    child.send({ id: asked, task } satisfies Asked);
    return one.promise as never;
  };
}

/** What the launcher has started. */
function gatewayOf(launcher: number): number {
  return Number(readFileSync(`/proc/${launcher}/task/${launcher}/children`, "utf8").split(" ")[0]);
}

export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024;
}
