/**
 * What lineage costs a broker: `node bench/lineage.ts [--rounds=200]`. A credential for a pod that nobody launched and for one below four
 * others, on a real API server, which is asked for each of them; and the memory of 10,000 pods and as many sessions below four agents.
 */
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Sessions } from "#broker/exchange/sessions.ts";
import type { Ancestor } from "#core/policy/facts.ts";
import { BY_PARENT, parentUidsOf } from "#operator/broker/lineage/children.ts";
import { endOf } from "#operator/broker/pod-ends.ts";
import type { Pod } from "#operator/kube/resource.ts";
import { openStore } from "#operator/kube/store.ts";
import { ORIGIN } from "#operator/names.ts";
import { childOf, permitLaunching } from "#test/cluster-broker/support/family.ts";
import { type Agent, startWorld } from "#test/cluster-broker/support/world.ts";
import { policyFor, startRig } from "#test/exchange/support/rig.ts";
import { enrolled } from "#test/exchange/support/subject.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "200" } } });
const rounds = Number(values.rounds);
const GENERATIONS = 4;
const PODS = 10_000;
const HERE = "127.0.0.1";

await exchanges();
memory();
// What tests share starts with their support, and is ended by hooks of the test runner, which is not here.
process.exit();

async function exchanges(): Promise<void> {
  await using world = await startWorld();
  const namespace = await world.enforced();
  const node = await world.node();
  await permitLaunching(world, namespace);
  // Whether an account may write our kinds is remembered for two seconds in production: it is not what this is about.
  const cluster = world.replica(undefined, { writers: { writesOf: async () => undefined } });
  await using rig = await startRig(cluster);
  rig.configure([
    policyFor(
      { namespace, name: "default" },
      { allow: [{ name: "read", delegate: "also", postgres: { preset: "readOnly", tables: ["public.*"] } }] },
    ),
  ]);
  const boss = await world.agent(namespace, node);
  await boss.status({ phase: "Running", podIP: HERE, podIPs: [{ ip: HERE }] });
  let last: Agent = boss;
  for (let count = 0; count < GENERATIONS; count += 1)
    last = await childOf(world, { namespace, node, ip: HERE }, last);
  for (const [what, agent] of [
    ["launched by a person", boss],
    [`below ${GENERATIONS} agents`, last],
  ] as const) {
    await using subject = await enrolled(rig, { claim: await agent.claim(), token: () => agent.token() });
    for (const carrier of ["exchange", "renew"] as const) {
      const each: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const beganMs = performance.now();
        const answer = await subject.ask[carrier]();
        if (answer !== "granted") throw new Error(`refused with ${answer}`);
        each.push(performance.now() - beganMs);
      }
      say(`${carrier === "exchange" ? "identify and exchange" : "renew"}, ${what}`, each);
    }
  }
}

function say(what: string, each: readonly number[]): void {
  const sorted = each.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(1);
  console.log(`${what.padEnd(48)} p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
}

/** Four generations again and again, as a watch brings them, and one session of each pod. */
function memory(): void {
  const store = (isStamped: boolean) => {
    const pods = openStore<Pod>({
      name: "pods",
      indexes: { [BY_PARENT]: parentUidsOf },
      onError: () => undefined,
    });
    for (let at = 0; at < PODS; at += 1) pods.set(endOf(podOf(at, isStamped)));
    return pods;
  };
  const sessions = (): Sessions => {
    const all = new Sessions();
    for (let at = 0; at < PODS; at += 1) {
      const caller = {
        identity: { serviceAccount: { namespace: "shop", name: "agent" } },
        ancestors: ancestorsOf(at),
      };
      const worker = { sessions: new Set<string>() } as never;
      all.add({ id: `s${at}`, worker, caller, subject: `p${at}`, exchangeUntilMs: 0, exchange: undefined });
    }
    return all;
  };
  const bare = heldBy(() => store(false));
  const stamped = heldBy(() => store(true));
  console.log(
    `${PODS} pods as they are watched: ${stamped} kB, ${stamped - bare} kB of it for who made them`,
  );
  console.log(`${PODS} sessions, each below ${GENERATIONS} agents: ${heldBy(sessions)} kB`);
}

function podOf(at: number, isStamped: boolean): Pod {
  const [uid, parent] = [uidOf(at), uidOf(Math.floor(at / GENERATIONS))];
  const annotations = isStamped
    ? { [ORIGIN.user]: "system:serviceaccount:shop:agent", [ORIGIN.podUid]: parent }
    : {};
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `agent-${at}`,
      namespace: "shop",
      uid,
      resourceVersion: String(at),
      creationTimestamp: "2026-11-26T00:00:00Z",
      annotations,
    },
    status: { phase: "Running" },
  };
  // As it comes off the wire: no text is shared.
  return JSON.parse(JSON.stringify(pod)) as Pod;
}

function ancestorsOf(at: number): readonly Ancestor[] {
  const agents = Array.from({ length: GENERATIONS }, (_, above) => ({
    kind: "agent",
    identity: {
      serviceAccount: { namespace: "shop", name: "agent" },
      pod: { namespace: "shop", name: `agent-${at >> above}`, uid: uidOf(at >> above) },
    },
  }));
  const root = { kind: "person", identity: { user: { name: "ada@acme.example", groups: ["research"] } } };
  return JSON.parse(JSON.stringify([...agents, root])) as readonly Ancestor[];
}

function uidOf(at: number): string {
  return `${at.toString(16).padStart(8, "0")}-0000-4000-8000-000000000000`;
}

function heldBy(make: () => object): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  const made = make();
  collect();
  const after = process.memoryUsage().heapUsed;
  if (Object.keys(made).length < 0) throw new RangeError("never: it has to be held until here");
  return Math.round((after - before) / 1_000);
}
