/** A broker with a clock that is set by hand, and gateways that are as many as there are pods; each holds its sessions as the real one does. */
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Broker, createBroker } from "#broker/broker.ts";
import type { DataPlanePort } from "#broker/data-plane-port.ts";
import { podPeer } from "#broker/pods/peer.ts";
import type { Cluster, PodClaim } from "#broker/pods/pods.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import type { Connection } from "#core/api/kinds.gen.ts";
import type { PolicySource } from "#core/api/loaded.ts";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import type { Plan } from "#core/policy/plan.ts";
import { openingOf } from "#core/policy/protocols/table.ts";
import type { SessionGrant } from "#core/port/port.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { kubernetesCluster } from "#operator/broker/cluster.ts";
import { siblingsIn } from "#operator/broker/lineage/children.ts";
import { onPodEnds } from "#operator/broker/pod-ends.ts";
import { openLog } from "#runtime/log.ts";
import { newSession } from "#test/broker/support/broker.ts";
import { SETTINGS } from "#test/pods/surroundings.ts";
import { type Forest, type Known, NODE, REGISTRY, SHOP, accountUid } from "./forest.ts";
import { type Actor, CONNECTIONS, DEPTH_MAX, type PodTruth, type Wanted, lineageOf } from "./truth.ts";

const LEASE_MS = 300_000;
const RENEW_AT = 0.6;
const FAR_MS = 1e15;
const never = new AbortController().signal;

export interface Session {
  readonly pod: PodTruth;
  readonly connection: Wanted;
  readonly lineage: readonly (Actor | undefined)[];
  readonly lease: string;
  readonly port: DataPlanePort;
  untilMs: number;
  renewAtMs: number;
  /** Undefined while it goes on. */
  ended: Refusal | undefined;
}

interface Gateway {
  readonly port: DataPlanePort;
  plan: Plan | undefined;
}

export interface Gateways extends AsyncDisposable {
  readonly broker: Broker;
  readonly sessions: Session[];
  configure(policies: readonly PolicySource[]): void;
  /** `granted`, or why not. */
  open(of: Known, connection: Wanted): Promise<"granted" | Refusal>;
  /** Renews what is due. */
  renew(): Promise<void>;
}

export interface GatewaysOptions {
  readonly forest: Forest;
  readonly nowMs: () => number;
  /** What a broker is told by its watch, or not at all. */
  readonly isWatching: boolean;
  /** A mistake that the broker's side could make. */
  readonly wrong?: ((cluster: Pick<Cluster, "inspect">) => Pick<Cluster, "inspect">) | undefined;
}

export async function openGateways(options: GatewaysOptions): Promise<Gateways> {
  const { forest, nowMs, isWatching, wrong = (cluster) => cluster } = options;
  const { api } = forest;
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "sallyport-forest-"));
  stack.defer(() => rm(directory, { recursive: true }));
  const cluster = kubernetesCluster({
    kube: api.kube,
    namespace: "sallyport-system",
    injection: SETTINGS,
    writers: { writesOf: async () => undefined },
    lineage: { depthMax: DEPTH_MAX, childrenMax: 1_000, roots: [{ userPrefix: "ci:", kind: "ci" }] },
    registry: () => REGISTRY,
    siblings: siblingsIn(api.watched),
    log: openLog({ write: () => undefined, nowMs, level: "error" }),
  });
  const seen = wrong(cluster);
  const broker = stack.use(
    await createBroker({
      broker: "0123456789abcdef",
      directory,
      disk: realDisk,
      trail: TRAIL,
      variables: {},
      now: nowMs,
      note: () => undefined,
      leaseMs: LEASE_MS,
      lingerMs: 0,
      tickMs: Number.POSITIVE_INFINITY,
    }),
  );
  if (isWatching) stack.defer(onPodEnds(api.watched, (uid) => broker.endPod(uid, refusal("POD_ENDED"))));
  const gateways = new Map<string, Promise<Gateway | Refusal>>();
  const sessions: Session[] = [];
  const byId = new Map<string, Session>();

  async function start({ truth }: Known): Promise<Gateway | Refusal> {
    const claim = claimOf(truth);
    const pod = await cluster.inspect(claim, never);
    if (isRefusal(pod)) return pod;
    const refused = await cluster.pin(pod, "k".repeat(43), never);
    if (refused !== undefined) return refused;
    const pin = await cluster.pinned(claim.uid, never);
    if (isRefusal(pin)) return pin;
    const { ancestors } = pin;
    const port = broker.attach(
      podPeer({ cluster: seen, claim, ancestors, address: "10.0.0.1", expiresMs: FAR_MS }),
    );
    const gateway: Gateway = { port, plan: undefined };
    await port.hello({ versions: [1], worker: "gw", run: claim.uid }, never);
    port.subscribe((push) => {
      if (push.kind === "plan") gateway.plan = compile(push);
      else end(push.session, push.refusal);
    }, never);
    return gateway;
  }

  function end(id: string, why: Refusal): void {
    const session = byId.get(id);
    if (session !== undefined) session.ended ??= why;
  }

  async function gatewayOf(known: Known): Promise<Gateway | Refusal> {
    const { uid } = known.truth;
    const gateway = await (gateways.get(uid) ?? start(known));
    if (!isRefusal(gateway)) gateways.set(uid, Promise.resolve(gateway));
    return gateway;
  }

  const kept = stack.move();
  return {
    broker,
    sessions,
    configure(policies) {
      broker.update({ loaded: { ...LOADED, policies }, listeners: {}, authorities: new Map() });
    },
    async open(known, connection) {
      const gateway = await gatewayOf(known);
      if (isRefusal(gateway)) return gateway;
      const { port } = gateway;
      const id = newSession();
      const identified = await port.identify(
        { session: id, listener: "pod", evidence: { kind: "ambient" } },
        never,
      );
      if (isRefusal(identified)) return identified;
      const refused = decidedHere(gateway.plan, identified, connection, nowMs());
      if (refused !== undefined) return refused;
      const lease = await port.exchange(
        { session: id, connection: { namespace: SHOP, name: connection } },
        never,
      );
      if (isRefusal(lease)) return lease;
      const { truth: pod } = known;
      const untilMs = nowMs() + LEASE_MS;
      const renewAtMs = nowMs() + LEASE_MS * RENEW_AT;
      const session: Session = {
        pod,
        connection,
        lineage: lineageOf(pod),
        lease: lease.lease,
        port,
        untilMs,
        renewAtMs,
        ended: undefined,
      };
      byId.set(id, session);
      sessions.push(session);
      return "granted";
    },
    async renew() {
      for (const session of sessions.filter(({ ended }) => ended === undefined)) {
        if (nowMs() < session.renewAtMs) continue;
        const answer = await session.port.renew(session.lease, never);
        if (isRefusal(answer)) session.ended ??= answer;
        else {
          session.untilMs = answer.expiresMs;
          session.renewAtMs = nowMs() + Math.max((answer.expiresMs - nowMs()) * RENEW_AT, 2_000);
        }
      }
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** The data plane decides too, by the plan that it was sent. */
function decidedHere(
  plan: Plan | undefined,
  { caller }: SessionGrant,
  name: Wanted,
  nowMs: number,
): Refusal | undefined {
  if (plan === undefined) return refusal("BROKER_UNREACHABLE");
  const facts = { caller, connection: { namespace: SHOP, name }, nowMs, request: openingOf("tcp") };
  const { outcome, code, publicText } = decide(plan, facts);
  return outcome === "allow" ? undefined : refusal(code, publicText);
}

function claimOf({ uid, name, account }: PodTruth): PodClaim {
  return {
    uid,
    name,
    namespace: SHOP,
    serviceAccount: account,
    serviceAccountUid: accountUid(account),
    nodeName: NODE.name,
    nodeUid: NODE.uid,
    credential: randomUUID(),
  };
}

const connectionOf = (name: string): Connection => ({
  apiVersion: "sallyport.dev/v1alpha1",
  kind: "Connection",
  metadata: { namespace: SHOP, name },
  spec: { protocol: "tcp", address: { host: `${name}.example.com`, port: 1 }, credential: { mode: "none" } },
});

const LOADED = {
  connections: CONNECTIONS.map(connectionOf),
  identityProviders: [],
  workloadControllers: [],
  tests: [],
  gateways: [],
  diagnostics: [],
};

/** What is on record is not what this is about. */
const TRAIL: Parameters<typeof createBroker>[0]["trail"] = {
  openSession: async () => ({ digestKey: randomBytes(32) }),
  append: async () => [],
  say: async () => undefined,
  unfinished: () => [],
  declareLost: async () => undefined,
};
