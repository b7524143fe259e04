/** A replica of the broker as a process of its own: its trail, its ports, and a model of the cluster that all replicas share. */
import { join } from "node:path";
import { admitPods } from "#broker/api/admit.ts";
import { enrolRoute } from "#broker/api/enrol-route.ts";
import { PORT_LIMITS } from "#broker/api/gate.ts";
import { serveHttps } from "#broker/api/serve-https.ts";
import { serveTlsPort } from "#broker/api/serve-tls.ts";
import { openAuthority } from "#broker/authority/authority.ts";
import type { AuthorityRecord } from "#broker/authority/record.ts";
import { createBroker } from "#broker/broker.ts";
import { podPeer } from "#broker/pods/peer.ts";
import type { LivePod, PodPin } from "#broker/pods/pods.ts";
import { openTrail } from "#broker/trail/file-trail.ts";
import { directoryKeyring } from "#broker/trail/keyring.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import type { Connection, SecretAccessPolicy } from "#core/api/kinds.gen.ts";
import { ClusterModel, type ModelPod } from "#test/broker/support/cluster-model.ts";
import { SERVER_NAME } from "#test/port/tls.ts";

export interface Start {
  readonly kind: "start";
  readonly folder: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly enrolPort: number;
  readonly pods: readonly (readonly [string, ModelPod])[];
  /** Absent for the first, which makes it. */
  readonly authority?: AuthorityRecord;
}
export type ToReplica = Start | { readonly kind: "pin"; readonly pin: PodPin } | { readonly kind: "weigh" };
export type FromReplica =
  | {
      readonly kind: "ready";
      readonly port: number;
      readonly enrolPort: number;
      readonly authority: AuthorityRecord;
      readonly bundlePem: string;
    }
  | { readonly kind: "pin"; readonly pin: PodPin }
  | { readonly kind: "weight"; readonly connections: number; readonly rssBytes: number };

const CONNECTIONS = 20;
/** All of them come from one address here, and each has been counted as its own would be. */
const LIMITS = { ...PORT_LIMITS, ofOneSourceMax: 8_192, sourceBurst: 100_000 };

/** The one process that simulates them all takes its time. */
const PATIENCE_MS = 30_000;

const tell = (message: FromReplica): void => void process.send?.(message);

/** Told to the others before it is in force, as the API server would. */
class SharedCluster extends ClusterModel {
  override pin = async (pod: LivePod, keyHash: string) => {
    const before = this.pins.get(pod.claim.uid)?.keyHash;
    if (before === undefined) {
      this.keep({ claim: pod.claim, keyHash });
      tell({ kind: "pin", pin: { claim: pod.claim, keyHash } });
    }
    return undefined;
  };

  keep(pin: PodPin): void {
    this.pins.set(pin.claim.uid, { ...pin, bootId: "", gatewayRestarts: 0 });
  }
}

const cluster = new SharedCluster();
let connections = (): number => 0;

process.on("message", (message: ToReplica) => {
  switch (message.kind) {
    case "start":
      return void start(message);
    case "pin":
      return cluster.keep(message.pin);
    case "weigh":
      return tell({ kind: "weight", connections: connections(), rssBytes: process.memoryUsage.rss() });
  }
});
process.on("disconnect", () => process.exit());

async function start({ folder, name, host, port, enrolPort, pods, authority: given }: Start): Promise<void> {
  for (const [token, pod] of pods) {
    cluster.pods.set(pod.claim.uid, pod);
    cluster.tokens.set(token, pod.claim);
  }
  const [now, note, disk] = [Date.now, (): void => undefined, realDisk];
  const directory = join(folder, name, "trail");
  await disk.makeDirectory(join(folder, name), 0o700);
  const keyring = directoryKeyring(disk, join(folder, name, "keys"));
  const trail = await openTrail({ directory, keyring, disk, broker: name, nowMs: now, note });
  const state = join(folder, name, "state");
  await disk.makeDirectory(state, 0o700);
  const broker = await createBroker({
    broker: name,
    directory: state,
    disk,
    trail,
    variables: {},
    now,
    note,
  });
  broker.update({
    loaded: {
      ...kinds(),
      identityProviders: [],
      workloadControllers: [],
      tests: [],
      gateways: [],
      diagnostics: [],
    },
    listeners: {},
    authorities: new Map(),
  });
  let record = given;
  const store = {
    load: async () => (record === undefined ? undefined : { record, version: "1" }),
    store: async (next: AuthorityRecord) => {
      record = next;
      return true;
    },
  };
  const signal = new AbortController().signal;
  const authority = await openAuthority({ store, names: [SERVER_NAME], now, note, signal });
  const common = { host, authority, note, now, limits: LIMITS };
  const admit = admitPods(cluster, ({ claim }, { address, expiresMs }) =>
    broker.attach(podPeer({ cluster, claim, address, expiresMs })),
  );
  const tls = await serveTlsPort({ ...common, port, admit, handshakeMs: PATIENCE_MS });
  const routes = [enrolRoute({ cluster, authority, note })];
  const https = await serveHttps({ ...common, port: enrolPort, routes });
  connections = () => tls.connections;
  if (record === undefined) throw new Error("there is no authority");
  const { bundlePem } = authority;
  tell({ kind: "ready", port: tls.port, enrolPort: https.port, authority: record, bundlePem });
}

function kinds() {
  const connectionsOf = Array.from(
    { length: CONNECTIONS },
    (_, index): Connection => ({
      apiVersion: "sallyport.dev/v1alpha1",
      kind: "Connection",
      metadata: { name: `orders-${index}`, namespace: "shop" },
      spec: {
        protocol: "postgres",
        address: { host: `orders-${index}.shop.svc`, port: 5432 },
        tls: { mode: "disable" },
        credential: { static: { secretRef: { name: "orders", key: "password" }, user: "app" } },
        postgres: { database: "orders" },
      } as unknown as Connection["spec"],
    }),
  );
  const policy: SecretAccessPolicy = {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "SecretAccessPolicy",
    metadata: { name: "agents", namespace: "shop" },
    spec: {
      subjects: [{ serviceAccount: { namespace: "shop", name: "agent" } }],
      connections: { names: connectionsOf.map(({ metadata }) => metadata.name) },
      allow: [{ name: "read", postgres: { preset: "readOnly", tables: ["public.*"] } }],
    },
  };
  const source = { state: "good", origin: "/policies/agents.yaml", policy } as const;
  return { connections: connectionsOf, policies: [source] };
}
