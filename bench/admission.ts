/**
 * What admission adds to the making of a pod, beside the same API server's pods of a namespace that is not enforced: of a pod by itself,
 * and of one that a controller makes for the author of a ReplicaSet, which is asked for then. In rounds that take turns: `node bench/admission.ts [--pods=10000] [--rate=50] [--seconds=2] [--rounds=12]`. Ends with 1 when a pod was refused.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import { type Kube, openKube } from "#operator/kube/client.ts";
import { type KubeObject, PODS, type Pod, type Resource } from "#operator/kube/resource.ts";
import { type AdmissionWorld, openAdmissionWorld } from "./admission/world.ts";

const pods = numberOf("pods", 10_000);
const rate = numberOf("rate", 50);
const seconds = numberOf("seconds", 2);
const rounds = numberOf("rounds", 12);

const REPLICA_SETS: Resource<KubeObject & { readonly spec?: unknown }> = {
  group: "apps",
  version: "v1",
  plural: "replicasets",
  kind: "ReplicaSet",
  namespaced: true,
};
const signal = new AbortController().signal;
/** As an agent's pod is written: nothing of ours, a little of everything else. */
const SPEC = {
  serviceAccountName: "default",
  containers: [
    {
      name: "agent",
      image: "registry.example.com/agent:1.4",
      args: ["run", "--task=reconcile"],
      env: [{ name: "PGHOST", value: "orders.shop.svc" }],
      resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
      securityContext: { runAsUser: 1_000 },
      volumeMounts: [{ name: "work", mountPath: "/work" }],
    },
  ],
  volumes: [{ name: "work", emptyDir: {} }],
} satisfies V1Pod["spec"];

await using world = await openAdmissionWorld();
using kube = openKube(world.api.config);
const emptyBytes = rss(world);
await fill(kube, await world.plain(), await injected(world, kube));
const [plain, enforced] = [await world.plain(), await world.enforced()];
// A review or two before anything is measured: connections, compiled code, remembered rights.
using controller = openKube(world.api.as("system:serviceaccount:kube-system:replicaset-controller"));
const owned = await ownedPod(enforced);
for (const namespace of [plain, enforced]) await atRate(kube, podOf(namespace), 1);
await atRate(controller, owned, 1);
const without: number[][] = [];
const withGateway: number[][] = [];
const withOwner: number[][] = [];
const spent = { without: noTime(), withGateway: noTime(), withOwner: noTime() };
for (let round = 0; round < rounds; round += 1) {
  without.push(await timed(spent.without, () => atRate(kube, podOf(plain), seconds)));
  withGateway.push(await timed(spent.withGateway, () => atRate(kube, podOf(enforced), seconds)));
  withOwner.push(await timed(spent.withOwner, () => atRate(controller, owned, seconds)));
}
print();

/** What the store is filled with: pods as they are after admission, but for the token, which only a gateway may have. */
async function injected({ enforced: make }: AdmissionWorld, client: Kube): Promise<NonNullable<Pod["spec"]>> {
  const namespace = await make();
  const made = await client.create(PODS, podOf(namespace), { signal, dryRun: true });
  if (made.spec?.initContainers?.[1]?.name !== "gw") throw new Error("the pod was not injected");
  return JSON.parse(
    JSON.stringify(made.spec).replaceAll("sallyport.dev/broker", "example.com/broker"),
  ) as NonNullable<Pod["spec"]>;
}

async function fill(client: Kube, namespace: string, spec: NonNullable<Pod["spec"]>): Promise<void> {
  let left = pods;
  await Promise.all(
    Array.from({ length: 24 }, async () => {
      while (left > 0) {
        left -= 1;
        await client.create(PODS, { ...podOf(namespace), spec }, { signal, deadlineMs: 60_000 });
      }
    }),
  );
}

/** One every 1/rate seconds, whether the ones before have been answered or not: milliseconds from when each was due. */
async function atRate(client: Kube, pod: Making, lastsSeconds: number): Promise<number[]> {
  const startMs = performance.now();
  return Promise.all(
    Array.from({ length: rate * lastsSeconds }, async (_, at) => {
      const dueMs = startMs + (at * 1_000) / rate;
      await sleep(Math.max(0, dueMs - performance.now()));
      await client.create(PODS, pod, { signal, deadlineMs: 60_000 });
      return performance.now() - dueMs;
    }),
  );
}

interface Making {
  readonly metadata: Pod["metadata"];
  readonly spec: NonNullable<Pod["spec"]>;
}

/** As the controller makes it that no controller manager runs for here. */
async function ownedPod(namespace: string): Promise<Making> {
  const labels = { app: "agent" };
  const template = { metadata: { labels }, spec: { containers: [{ name: "agent", image: "agent" }] } };
  const spec = { replicas: 0, selector: { matchLabels: labels }, template };
  const owner = await kube.create(
    REPLICA_SETS,
    { metadata: { name: "agents", namespace }, spec },
    { signal },
  );
  const { apiVersion, kind, metadata } = owner;
  const reference = { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? "", controller: true };
  const pod = podOf(namespace);
  return { ...pod, metadata: { ...pod.metadata, labels, ownerReferences: [reference] } };
}

function podOf(namespace: string): Making {
  return { metadata: { generateName: "agent-", namespace } as unknown as Pod["metadata"], spec: SPEC };
}

function print(): void {
  console.log(`${pods} pods in the store; ${rate} new ones a second, ${rounds} rounds of ${seconds} s each`);
  const [bare, through, inherited] = [without.flat(), withGateway.flat(), withOwner.flat()];
  const line = (name: string, times: readonly number[]): void =>
    console.log(
      `${name.padEnd(26)} p50 ${ms(at(times, 0.5))}  p99 ${ms(at(times, 0.99))}  ${times.length} pods`,
    );
  line("API server alone", bare);
  line("with injection and checks", through);
  line("of a controller, as well", inherited);
  const added = (some: readonly number[], others: readonly number[]): string =>
    [0.5, 0.99].map((part) => `p${part * 100} ${ms(at(some, part) - at(others, part))}`).join("  ");
  console.log(`added, all rounds          ${added(through, bare)}`);
  console.log(`added of a controller's    ${added(inherited, bare)}`);
  // Whatever else runs on the machine only ever adds.
  const worst = (round: number): number =>
    at(withGateway[round] ?? [], 0.99) + at(without[round] ?? [], 0.99);
  const [quietest = 0] = withGateway
    .map((_, round) => round)
    .toSorted((one, other) => worst(one) - worst(other));
  console.log(`added, quietest round      ${added(withGateway[quietest] ?? [], without[quietest] ?? [])}`);
  const perPod = (process: keyof Spent, whose: Spent): string =>
    `${(whose[process] / bare.length).toFixed(1)} ms`;
  console.log(
    `processor time a pod       operator ${perPod("operator", spent.withGateway)} (of a controller's ${perPod("operator", spent.withOwner)}), API server ${perPod("apiServer", spent.withGateway)} (alone ${perPod("apiServer", spent.without)})`,
  );
  console.log(`memory of the operator     ${mb(emptyBytes)} at the start, ${mb(rss(world))} now`);
}

interface Spent {
  operator: number;
  apiServer: number;
}

function noTime(): Spent {
  return { operator: 0, apiServer: 0 };
}

/** What the two processes do meanwhile, in milliseconds of a processor. */
async function timed<T>(spent: Spent, run: () => Promise<T>): Promise<T> {
  const now = (): Spent => ({
    operator: processorMs(world.operatorPid),
    apiServer: processorMs(world.api.pids().apiServer),
  });
  const before = now();
  const result = await run();
  const after = now();
  spent.operator += after.operator - before.operator;
  spent.apiServer += after.apiServer - before.apiServer;
  return result;
}

/** proc(5): fields 14 and 15, in hundredths of a second, counted behind the name, which may have spaces. */
function processorMs(pid: number): number {
  const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const [user, system] = fields.split(" ").slice(11, 13).map(Number);
  return ((user ?? 0) + (system ?? 0)) * 10;
}

function at(times: readonly number[], part: number): number {
  const sorted = times.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

function rss({ operatorPid }: AdmissionWorld): number {
  return (
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${operatorPid}/status`, "utf8"))?.[1] ?? 0) * 1_024
  );
}

function ms(value: number): string {
  return `${value.toFixed(1).padStart(6)} ms`;
}

function mb(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MB`;
}

function numberOf(name: string, fallback: number): number {
  const word = process.argv.find((each) => each.startsWith(`--${name}=`));
  return word === undefined ? fallback : Number(word.slice(name.length + 3));
}
