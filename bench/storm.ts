/**
 * Gateways that lose their broker all at once: `node bench/storm.ts [--gateways=2000] [--at-once=16]`. Two replicas as processes of their own, all
 * gateways simulated in this one. Tells what an enrolment takes, what a replica weighs with all of them, and how long it takes until
 * all are at the other one once the first was killed.
 */
import { type ChildProcess, fork } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Uplink } from "#sidecar/uplink/uplink.ts";
import { ClusterModel, type ModelPod } from "#test/broker/support/cluster-model.ts";
import { temporaryFolder } from "#test/port/carriers.ts";
import { openSimulated } from "./storm/gateway.ts";
import type { FromReplica, Start, ToReplica } from "./storm/replica.ts";

const { values } = parseArgs({
  options: { gateways: { type: "string", default: "2000" }, "at-once": { type: "string", default: "16" } },
});
const gateways = Number(values.gateways);
/** How many enrol and connect side by side. */
const AT_ONCE = Number(values["at-once"]);
const HOSTS = ["127.0.0.1", "127.0.0.2"] as const;
const never = new AbortController().signal;

await using stack = new AsyncDisposableStack();
const folder = stack.use(await temporaryFolder());
const model = new ClusterModel();
const pods = Array.from({ length: gateways }, (_, index): readonly [string, ModelPod] => {
  const pod = model.start(`agent-${index}`);
  return [model.tokenFor(pod), pod];
});

interface Replica {
  readonly process: ChildProcess;
  readonly ready: Extract<FromReplica, { kind: "ready" }>;
}

const replicas: Replica[] = [];
const first = await startReplica({ host: HOSTS[0], port: 0, enrolPort: 0 });
const { port, enrolPort, authority, bundlePem } = first.ready;
const second = await startReplica({ host: HOSTS[1], port, enrolPort, authority });
await writeFile(join(folder.path, "ca.pem"), bundlePem);
const empty = await weigh(first);

const enrolMs: number[] = [];
const uplinks: Uplink[] = [];
stack.defer(async () => {
  for (const uplink of uplinks) await uplink[Symbol.asyncDispose]();
});
const startMs = performance.now();
const waiting = pods.entries();
await Promise.all(Array.from({ length: AT_ONCE }, connectEach));
const connectedMs = performance.now() - startMs;
const full = await weigh(first);
tell("gateways connected", `${full.connections} in ${seconds(connectedMs)}, ${AT_ONCE} at a time`);
tell("enrolment", `p50 ${quantile(enrolMs, 0.5)} ms, p99 ${quantile(enrolMs, 0.99)} ms`);
tell("replica without gateways", megabytes(empty.rssBytes));
tell(
  `replica with ${full.connections}`,
  `${megabytes(full.rssBytes)}, ${Math.round((full.rssBytes - empty.rssBytes) / full.connections / 1024)} kB each`,
);

const killedMs = performance.now();
const arrivals = uplinks.map((uplink) => welcomedBy("replica-1", uplink));
first.process.kill("SIGKILL");
const back = await Promise.all(arrivals);
tell(
  "all at the other",
  `${seconds(Math.max(...back))}, half of them ${seconds(Number(quantile(back, 0.5)))}`,
);
const after = await weigh(second);
tell(`the other with ${after.connections}`, megabytes(after.rssBytes));

/** Resolves with the time since the kill. */
function welcomedBy(name: string, uplink: Uplink): Promise<number> {
  return new Promise((resolve) =>
    uplink.onWelcome((broker) => {
      if (broker === name) resolve(performance.now() - killedMs);
    }),
  );
}

async function connectEach(): Promise<void> {
  for (const [index, [token]] of waiting) {
    const gateway = await openSimulated({
      name: `gateway-${index}`,
      folder: folder.path,
      token,
      authorityPath: join(folder.path, "ca.pem"),
      // As the resolver would give them, the first replica first so that all begin there.
      addresses: HOSTS,
      port,
      enrolPort,
    });
    enrolMs.push(gateway.enrolMs);
    uplinks.push(gateway.uplink);
    gateway.uplink.subscribe(() => undefined, never);
    await gateway.uplink.connected(never);
  }
}

async function startReplica(
  place: Pick<Start, "host" | "port" | "enrolPort" | "authority">,
): Promise<Replica> {
  const child = fork(new URL("./storm/replica.ts", import.meta.url), { stdio: "inherit" });
  stack.defer(() => void child.kill("SIGKILL"));
  const name = `replica-${replicas.length}`;
  child.on("message", (message: FromReplica) => {
    if (message.kind !== "pin") return;
    for (const { process: other } of replicas)
      if (other !== child && other.connected) send(other, { kind: "pin", pin: message.pin });
  });
  send(child, { kind: "start", folder: folder.path, name, pods, ...place });
  const ready = await answer(child, "ready");
  const replica = { process: child, ready };
  replicas.push(replica);
  return replica;
}

async function weigh({ process: child }: Replica): Promise<Extract<FromReplica, { kind: "weight" }>> {
  send(child, { kind: "weigh" });
  return answer(child, "weight");
}

function send(child: ChildProcess, message: ToReplica): void {
  child.send(message);
}

function answer<Kind extends FromReplica["kind"]>(
  child: ChildProcess,
  kind: Kind,
): Promise<Extract<FromReplica, { kind: Kind }>> {
  const { promise, resolve } = Promise.withResolvers<Extract<FromReplica, { kind: Kind }>>();
  const hear = (message: FromReplica): void => {
    if (message.kind !== kind) return;
    child.off("message", hear);
    resolve(message as Extract<FromReplica, { kind: Kind }>);
  };
  child.on("message", hear);
  return promise;
}

function tell(what: string, value: string): void {
  console.log(`${what.padEnd(28)} ${value}`);
}

function quantile(of: readonly number[], share: number): string {
  const sorted = of.toSorted((left, right) => left - right);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(0)} MB`;
}
