/** Replicas of the broker as the chart runs them, with the rights of the chart, and gateways that enrol and dial as the sidecar does. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Disk } from "#broker/trail/disk.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import type { Connection } from "#core/api/kinds.gen.ts";
import type { Push } from "#core/port/port.ts";
import { type BrokerReplica, openBrokerReplica } from "#operator/broker/replica.ts";
import { CONFIG_MAPS, CONNECTIONS, POLICIES, SECRETS, objectKey } from "#operator/kube/resource.ts";
import { ANNOTATIONS, AUTHORITY_CONFIG_MAP } from "#operator/names.ts";
import { openLog } from "#runtime/log.ts";
import type { Uplink } from "#sidecar/uplink/uplink.ts";
import { eventually } from "#test/chart/support/wait.ts";
import { type PodFiles, SERVER_NAME, podFiles, podUplink } from "#test/port/tls.ts";
import { type Agent, NAMESPACE, type Node, type World, call, forever } from "./world.ts";

const HOST = "db.example.com";
const LOCAL = { host: "127.0.0.1", port: 0 };

export interface Gateway extends AsyncDisposable {
  readonly uplink: Uplink;
  readonly pushes: readonly Push[];
}

export function portsOf({ serving }: BrokerReplica): { readonly port: number; readonly enrolPort: number } {
  return { port: serving?.gateways.port ?? 0, enrolPort: serving?.requests.port ?? 0 };
}

export async function filesFor({ kube }: World, agent: Agent): Promise<PodFiles> {
  const { name, member } = AUTHORITY_CONFIG_MAP;
  const published = await eventually(
    () => kube.get(CONFIG_MAPS, objectKey(NAMESPACE, name), call),
    () => "the authority is not published",
  );
  return podFiles((await agent.token()).toString(), published.data?.[member] ?? "");
}

export async function dialled(files: PodFiles, replica: BrokerReplica): Promise<Gateway> {
  await using opening = new AsyncDisposableStack();
  const uplink = opening.use(podUplink(files, portsOf(replica)));
  const pushes: Push[] = [];
  uplink.subscribe((push) => pushes.push(push), forever);
  await uplink.connected(AbortSignal.timeout(30_000));
  // One that is turned away does not go on dialling.
  const kept = opening.move();
  return { uplink, pushes, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** One that dials from this machine. */
export async function localAgent(world: World, namespace: string, node: Node): Promise<Agent> {
  const one = await world.agent(namespace, node);
  await one.status({ phase: "Running", podIP: "127.0.0.1", podIPs: [{ ip: "127.0.0.1" }] });
  return one;
}

export interface TestReplica extends BrokerReplica {
  /** Where its trail is, beside other things. */
  readonly state: string;
}

export async function startReplica(
  world: World,
  opened: AsyncDisposableStack,
  disk?: Disk,
): Promise<TestReplica> {
  const state = await mkdtemp(join(tmpdir(), "sallyport-replica-"));
  opened.defer(() => rm(state, { recursive: true, force: true }));
  return openReplica(world, state, disk);
}

/** On a volume that is there, as after a restart. */
export async function openReplica(
  { guarded: { api, injection } }: World,
  state: string,
  disk: Disk = realDisk,
): Promise<TestReplica> {
  const replica = await openBrokerReplica({
    settings: {
      state,
      logLevel: "debug",
      observability: LOCAL,
      cluster: { namespace: NAMESPACE, gateways: LOCAL, requests: LOCAL, names: [SERVER_NAME], injection },
    },
    disk,
    log: openLog({ write: () => undefined, nowMs: Date.now, level: "debug" }),
    access: () => api.asServiceAccount(NAMESPACE, "sallyport-broker"),
  });
  return Object.assign(replica, { state });
}

/** The password in what `write` makes. */
export const PASSWORD = "a-password";

/** A Connection with its Secret, and a policy by which one account reaches it. */
// oxlint-disable-next-line max-params -- the last is for the few that lead to a real database
export async function write(
  { kube }: World,
  namespace: string,
  name: string,
  account: string,
  more: Partial<Connection["spec"]> = {},
): Promise<void> {
  const host = more.address?.host ?? HOST;
  const force = { ...call, force: true };
  await kube.apply(
    SECRETS,
    {
      metadata: { namespace, name: `${name}-db`, annotations: { [ANNOTATIONS.usableBy]: `${name}@${host}` } },
      data: { password: Buffer.from(PASSWORD).toString("base64") },
    },
    force,
  );
  await kube.apply(
    CONNECTIONS,
    {
      metadata: { namespace, name },
      spec: {
        protocol: "postgres",
        address: { host, port: 5432 },
        postgres: { user: "reader", database: "shop" },
        credential: { mode: "static", source: { secret: { name: `${name}-db`, key: "password" } } },
        ...more,
      },
    },
    force,
  );
  await kube.apply(
    POLICIES,
    {
      metadata: { namespace, name },
      spec: {
        subjects: [{ serviceAccount: { name: account } }],
        connections: { names: [name] },
        allow: [{ name: "read", postgres: { statements: ["read"] } }],
      },
    },
    force,
  );
}
