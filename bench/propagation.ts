/**
 * How soon a change in the cluster holds in sessions that are open: `node bench/propagation.ts [--pods=20] [--streams=2000] [--rounds=10]`.
 * A real API server and the broker as its image starts it; pods with gw-init's rules, the gateway as its image starts it and two sessions
 * each; beside them the streams of as many gateways more, simulated in one process, which are told of everything too. Times are from
 * the moment when the write was sent to the API server. Ends with 1 when the slowest in a hundred takes longer than a second.
 */
import { type ChildProcess, fork } from "node:child_process";
import { parseArgs } from "node:util";
import { revocationGuardrail, withAllBelow } from "#core/policy/revocation.ts";
import { GUARDRAILS } from "#operator/kube/resource.ts";
import { call } from "#test/cluster-broker/support/world.ts";
import { eventually } from "#test/chart/support/wait.ts";
import type { Task } from "./pods/agent-messages.ts";
import { nowMs } from "./pods/clock.ts";
import { TIER, openBenchCluster } from "./pods/cluster.ts";
import { enterOwnNetwork, streamAddress } from "./pods/own-network.ts";
import { type BenchPod, residentBytes, startPod } from "./pods/pod.ts";
import { quantile, tell } from "./pods/report.ts";
import { makePods } from "./pods/stream-pods.ts";
import type { FromStreams, ToStreams } from "./pods/streams.ts";

enterOwnNetwork();
const { values } = parseArgs({
  options: {
    pods: { type: "string", default: "20" },
    streams: { type: "string", default: "2000" },
    rounds: { type: "string", default: "10" },
  },
});
const rounds = Number(values.rounds);
const SESSIONS = 2;
const P99_MS_MAX = 1_000;
const MB = 1_000_000;
const HOUR_MS = 3_600_000;

await using opened = new AsyncDisposableStack();
const cluster = opened.use(await openBenchCluster());
const emptyBytes = residentBytes(cluster.broker.pid);
console.error(`… ${values.streams} pods are made, and their streams opened: that takes minutes`);
const streams = await openStreams(Number(values.streams));
tell(
  `broker with ${values.streams} streams`,
  `${(residentBytes(cluster.broker.pid) / MB).toFixed(0)} MB resident, ${(emptyBytes / MB).toFixed(0)} MB before`,
);
const pods: BenchPod[] = [];
for (let number = 1; number <= Number(values.pods); number += 1)
  pods.push(opened.use(await startPod(cluster, number)));
let worstMs = 0;

await policyEdits();
await connectionEdits();
await revocations();
await rotations();
await deletions();
process.exitCode = worstMs <= P99_MS_MAX ? 0 : 1;

/** What runs is stopped; the session goes on. */
async function policyEdits(): Promise<void> {
  const heldMs: number[] = [];
  const toldMs: number[] = [];
  const writeMs: number[] = [];
  await eachPod({ kind: "open", sessions: SESSIONS });
  for (let round = 0; round < rounds; round += 1) {
    await eachPod({ kind: "hang" });
    await running(pods.length * SESSIONS);
    await streams.ask("mark");
    const ended = eachPod({ kind: "ended" });
    const sentMs = nowMs();
    await cluster.writePolicy("other");
    writeMs.push(nowMs() - sentMs);
    for (const { atMs, code } of (await ended).flat()) {
      if (code === undefined) throw new Error("a statement has ended by itself");
      heldMs.push(atMs - sentMs);
    }
    toldMs.push(...(await streams.told()).map((atMs) => atMs - sentMs));
    await cluster.writePolicy("accounts");
    await answered();
  }
  await eachPod({ kind: "close" });
  say("the write of a policy, until it is answered", writeMs);
  sayWorst("an edited policy, until what runs is stopped", heldMs);
  say(`the same, until each of ${values.streams} streams is told`, toldMs);
}

/** The Connection is no longer one that a policy speaks of: its sessions end. */
async function connectionEdits(): Promise<void> {
  const heldMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await eachPod({ kind: "open", sessions: SESSIONS });
    const closed = eachPod({ kind: "closed" });
    const sentMs = nowMs();
    await cluster.writeConnection({});
    for (const { atMs } of (await closed).flat()) heldMs.push(atMs - sentMs);
    await cluster.writeConnection(TIER);
    await eachPod({ kind: "fresh" });
  }
  sayWorst("an edited Connection, until sessions are closed", heldMs);
}

/** Everything is taken from all of them: what is open ends, and each gateway is told. */
async function revocations(): Promise<void> {
  const heldMs: number[] = [];
  const toldMs: number[] = [];
  const { kube } = cluster.kubernetes;
  for (let round = 0; round < rounds; round += 1) {
    const { metadata, spec } = revocationGuardrail({
      scope: "serviceaccount",
      about: "bench",
      mark: String(round),
      by: "administrator",
      because: "a round of the bench",
      whom: "every pod of the bench",
      untilMs: Date.now() + HOUR_MS,
      subjects: withAllBelow([{ serviceAccount: { namespace: cluster.namespace, name: "default" } }]),
    });
    await eachPod({ kind: "open", sessions: SESSIONS });
    const closed = eachPod({ kind: "closed" });
    await streams.ask("mark");
    const sentMs = nowMs();
    await kube.create(GUARDRAILS, { metadata, spec }, call);
    for (const { atMs } of (await closed).flat()) heldMs.push(atMs - sentMs);
    toldMs.push(...(await streams.told()).map((atMs) => atMs - sentMs));
    await kube.delete(GUARDRAILS, metadata.name, call);
    await eachPod({ kind: "fresh" });
  }
  sayWorst("a revocation, until sessions are closed", heldMs);
  say(`the same, until each of ${values.streams} streams is told`, toldMs);
}

/** Sessions go on; who signs in from now on does so with the new password at once, since the old one is none any more. */
async function rotations(): Promise<void> {
  const openingMs: number[] = [];
  const tries: number[] = [];
  await eachPod({ kind: "open", sessions: SESSIONS });
  for (let round = 0; round < rounds; round += 1) {
    const password = `number-${round}`;
    await cluster.setPassword(password);
    await cluster.writeSecret(password);
    for (const pod of pods) {
      const beganMs = nowMs();
      const { atMs, tries: needed } = await pod.tell({ kind: "fresh" });
      openingMs.push(atMs - beganMs);
      tries.push(needed);
    }
    await answered();
  }
  await eachPod({ kind: "close" });
  sayWorst("a rotated Secret: a session that is opened next", openingMs);
  tell("the same, tries until it has the new password", `at most ${Math.max(...tries)}`);
}

/** One after the other. */
async function deletions(): Promise<void> {
  const heldMs: number[] = [];
  const { core } = cluster.kubernetes.guarded;
  await eachPod({ kind: "open", sessions: SESSIONS });
  for (const pod of pods) {
    const closed = pod.tell({ kind: "closed" });
    const sentMs = nowMs();
    // As kubectl does it: the kubelet, which is not here, has half a minute to end it.
    await core.deleteNamespacedPod({ namespace: cluster.namespace, name: pod.agent.name });
    for (const { atMs } of await closed) heldMs.push(atMs - sentMs);
  }
  sayWorst("a deleted pod, until its sessions are closed", heldMs);
}

function eachPod<Kind extends Task["kind"]>(task: Extract<Task, { kind: Kind }>) {
  return Promise.all(pods.map((pod) => pod.tell<Kind>(task)));
}

async function running(count: number): Promise<void> {
  const query = "select count(*)::int from pg_stat_activity where wait_event = 'PgSleep'";
  await eventually(
    async () => ((await cluster.root.query(query))[0]?.["count"] === count ? true : undefined),
    () => "not all statements run",
  );
}

/** In the very sessions that were refused before. */
async function answered(): Promise<void> {
  let last: readonly (string | undefined)[] = [];
  await eventually(
    async () => {
      last = (await eachPod({ kind: "ask" })).flat();
      return last.every((code) => code === undefined) ? true : undefined;
    },
    () => `sessions are not answered again: ${last.join(" ")}`,
  );
}

async function openStreams(count: number) {
  const child = fork(new URL("./pods/streams.ts", import.meta.url), { stdio: "inherit" });
  opened.defer(() => child.disconnect());
  const ask = async <Kind extends FromStreams["kind"]>(
    message: ToStreams & { readonly kind: Kind },
  ): Promise<Extract<FromStreams, { kind: Kind }>> => {
    const answer = heard(child);
    child.send(message);
    return (await answer) as Extract<FromStreams, { kind: Kind }>;
  };
  const pods = await makePods(
    cluster,
    Array.from({ length: count }, (_, index) => streamAddress(index)),
  );
  await ask({ kind: "open", authorityPem: cluster.authorityPem, pods });
  return {
    ask: (kind: "mark") => ask({ kind }),
    told: async (): Promise<readonly number[]> => (await ask({ kind: "told" })).atMs,
  };
}

function heard(child: ChildProcess): Promise<FromStreams> {
  const { promise, resolve, reject } = Promise.withResolvers<FromStreams>();
  const gone = (): void => reject(new Error("the streams have ended"));
  child.once("message", (message: FromStreams) => {
    child.off("exit", gone);
    resolve(message);
  });
  child.once("exit", gone);
  return promise;
}

function say(what: string, each: readonly number[]): void {
  const [p50, p99, most] = [0.5, 0.99, 1].map((share) => `${quantile(each, share).toFixed(0)} ms`);
  tell(what, `p50 ${p50}, p99 ${p99}, at most ${most} (${each.length})`);
}

function sayWorst(what: string, each: readonly number[]): void {
  say(what, each);
  worstMs = Math.max(worstMs, quantile(each, 0.99));
}
