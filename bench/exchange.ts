/**
 * How long a pod waits for its credential: `node bench/exchange.ts [--rounds=200] [--model]`. With a real API server, which is asked for
 * the pod each time; `--model` leaves that out, so that the difference is what the cluster costs.
 */
import { parseArgs } from "node:util";
import { type Cluster } from "#broker/pods/pods.ts";
import { startWorld } from "#test/cluster-broker/support/world.ts";
import { TroubledCluster, modelWorld } from "#test/exchange/support/model-world.ts";
import { realWorld } from "#test/exchange/support/real-world.ts";
import { type Rig, policyFor, startRig } from "#test/exchange/support/rig.ts";
import type { Enrolled } from "#test/exchange/support/subject.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "200" }, model: { type: "boolean", default: false } },
});
const rounds = Number(values.rounds);
/** As many as a pod may ask for at once. */
const TOKENS_EACH = 15;

const stack = new AsyncDisposableStack();
const { rig, subject } = values.model ? await model() : await real();
stack.use(rig);
console.log(
  `${rounds} rounds, one after the other, ${values.model ? "in a model of a cluster" : "with a real API server"}`,
);
await measure(rig);
await stack.disposeAsync();
// What tests share starts with their support, and is ended by hooks of the test runner, which is not here.
process.exit();

interface Bench {
  readonly rig: Rig;
  readonly subject: () => Promise<Enrolled>;
}

async function model(): Promise<Bench> {
  const cluster = new TroubledCluster();
  const own = await startRig(cluster);
  own.configure([policyFor({ namespace: "shop", name: "agent" })]);
  const world = modelWorld(own, cluster);
  return { rig: own, subject: () => world.subject() };
}

async function real(): Promise<Bench> {
  const kubernetes = stack.use(await startWorld());
  const cluster: Cluster = kubernetes.replica();
  const own = await startRig(cluster);
  const world = realWorld(kubernetes, own, await kubernetes.node());
  return { rig: own, subject: () => world.subject() };
}

async function measure({ broker }: Rig): Promise<void> {
  await using first = await subject();
  await timed("identify and exchange", rounds, () => first.ask.exchange());
  await timed("renew", rounds, () => first.ask.renew());
  const each: number[] = [];
  while (each.length < Math.min(rounds, 10 * TOKENS_EACH)) {
    await using pod = await subject();
    for (let token = 0; token < TOKENS_EACH; token += 1)
      each.push(await millisecondsOf(() => pod.ask.token()));
  }
  say("a token, with a TLS connection of its own", each);
  console.log(`${broker.status().leases} leases are held`);
}

async function timed(what: string, times: number, work: () => Promise<string>): Promise<void> {
  const each: number[] = [];
  for (let round = 0; round < times; round += 1) each.push(await millisecondsOf(work));
  say(what, each);
}

async function millisecondsOf(work: () => Promise<string>): Promise<number> {
  const beganMs = performance.now();
  const answer = await work();
  if (answer !== "granted") throw new Error(`refused with ${answer}`);
  return performance.now() - beganMs;
}

function say(what: string, each: readonly number[]): void {
  const sorted = each.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(1);
  console.log(`${what.padEnd(44)} p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
}
