/** A broker's replica on both its ports, with everything real but the cluster, and the gateway of a pod that dials it. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { admitPods } from "#broker/api/admit.ts";
import { enrolRoute } from "#broker/api/enrol-route.ts";
import { type GateLimits, PORT_LIMITS } from "#broker/api/gate.ts";
import { serveHttps } from "#broker/api/serve-https.ts";
import { serveTlsPort } from "#broker/api/serve-tls.ts";
import { type BrokerAuthority, openAuthority } from "#broker/authority/authority.ts";
import type { AuthorityStore, StoredAuthority } from "#broker/authority/store.ts";
import type { BrokerPort } from "#core/port/port.ts";
import { type Enrolment, openEnrolment } from "#sidecar/uplink/tls/enrolment.ts";
import { openReplicas } from "#sidecar/uplink/tls/replicas.ts";
import { tlsCarrier } from "#sidecar/uplink/tls/tls-carrier.ts";
import { Uplink } from "#sidecar/uplink/uplink.ts";
import { ClusterModel, type ModelPod } from "#test/broker/support/cluster-model.ts";
import { attached, silent, temporaryFolder } from "./carriers.ts";
import type { Carried } from "./contract.ts";

export const SERVER_NAME = "sallyport-broker.sallyport-system.svc";
const never = new AbortController().signal;

export function storeInMemory(): AuthorityStore {
  let stored: StoredAuthority | undefined;
  let version = 0;
  return {
    load: async () => stored,
    store: async (record, replacing) => {
      if (replacing?.version !== stored?.version) return false;
      version += 1;
      stored = { record, version: String(version) };
      return true;
    },
  };
}

export interface Replica extends AsyncDisposable {
  readonly port: number;
  readonly enrolPort: number;
  readonly authority: BrokerAuthority;
  readonly notes: string[];
  readonly connections: number;
}

export interface ReplicaOptions {
  readonly broker: BrokerPort;
  readonly cluster: ClusterModel;
  readonly store?: AuthorityStore;
  readonly now?: () => number;
  /** What the port believes that it is, beside everybody else. */
  readonly portNow?: () => number;
  readonly host?: string;
  readonly port?: number;
  readonly enrolPort?: number;
  readonly limits?: GateLimits;
  readonly handshakeMs?: number;
}

/** Everybody of a test comes from one address. */
export const TEST_LIMITS: GateLimits = { ...PORT_LIMITS, ofOneSourceMax: 64, sourceBurst: 256 };

export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  const { broker, cluster, store = storeInMemory(), now = Date.now, limits = TEST_LIMITS } = options;
  await using stack = new AsyncDisposableStack();
  const notes: string[] = [];
  const note = (name: string, fields: object): void => void notes.push(`${name} ${JSON.stringify(fields)}`);
  const stop = new AbortController();
  stack.defer(() => stop.abort());
  const authority = await openAuthority({ store, names: [SERVER_NAME], now, note, signal: stop.signal });
  const common = { host: options.host ?? "127.0.0.1", authority, note, now, limits };
  const patience = options.handshakeMs === undefined ? {} : { handshakeMs: options.handshakeMs };
  const tls = stack.use(
    await serveTlsPort({
      ...common,
      ...patience,
      now: options.portNow ?? now,
      port: options.port ?? 0,
      admit: admitPods(cluster, () => attached(broker)),
    }),
  );
  const routes = [enrolRoute({ cluster, authority, note })];
  const https = stack.use(await serveHttps({ ...common, ...patience, port: options.enrolPort ?? 0, routes }));
  const open = stack.move();
  return {
    port: tls.port,
    enrolPort: https.port,
    authority,
    notes,
    get connections() {
      return tls.connections;
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

export interface PodFiles extends AsyncDisposable {
  readonly token: string;
  readonly authority: string;
  readonly state: string;
}

/** What the kubelet puts before a gateway. */
export async function podFiles(token: string, authorityPem: string): Promise<PodFiles> {
  const folder = await temporaryFolder();
  const files = {
    token: join(folder.path, "token"),
    authority: join(folder.path, "ca.pem"),
    state: join(folder.path, "state"),
  };
  await mkdir(files.state, { mode: 0o700 });
  await writeFile(files.token, token);
  await writeFile(files.authority, authorityPem);
  return { ...files, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

export function enrolmentOf(files: PodFiles, enrolPort: number, nowMs: () => number = Date.now): Enrolment {
  return openEnrolment({
    serverName: SERVER_NAME,
    port: enrolPort,
    tokenPath: files.token,
    authorityPath: files.authority,
    stateDirectory: files.state,
    nowMs,
  });
}

export interface PodUplinkOptions {
  readonly heartbeatMs?: number;
  readonly nowMs?: () => number;
  /** Where a proxy of the test stands in the way of the port. */
  readonly port?: number;
}

export function podUplink(
  files: PodFiles,
  replica: Pick<Replica, "port" | "enrolPort">,
  options: PodUplinkOptions = {},
): Uplink {
  const { nowMs = Date.now, port = replica.port, ...rest } = options;
  const chance = (): number => 0.1;
  const carrier = tlsCarrier({
    replicas: openReplicas({ host: "127.0.0.1", resolvers: [], chance }),
    enrolment: enrolmentOf(files, replica.enrolPort, nowMs),
    serverName: SERVER_NAME,
    port,
    nowMs,
    chance,
    ...rest,
  });
  return new Uplink({ carrier, worker: "worker-1", run: "run-1", log: silent, chance });
}

export interface CarriedPod extends Carried {
  readonly port: Uplink;
  readonly replica: Replica;
  readonly cluster: ClusterModel;
  readonly pod: ModelPod;
  readonly files: PodFiles;
}

export async function mutualTls(broker: BrokerPort, options: PodUplinkOptions = {}): Promise<CarriedPod> {
  await using stack = new AsyncDisposableStack();
  const cluster = new ClusterModel();
  const pod = cluster.start("agent-1");
  const replica = stack.use(await startReplica({ broker, cluster }));
  const files = stack.use(await podFiles(cluster.tokenFor(pod), replica.authority.bundlePem));
  const port = stack.use(podUplink(files, replica, options));
  await port.connected(never);
  const open = stack.move();
  return { port, replica, cluster, pod, files, [Symbol.asyncDispose]: () => open.disposeAsync() };
}
