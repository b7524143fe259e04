/** A broker on both its ports, everything real but the cluster that it asks: leases, policy, trail, TLS and enrolment. */
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import { admitPods } from "#broker/api/admit.ts";
import { enrolRoute } from "#broker/api/enrol-route.ts";
import { serveHttps } from "#broker/api/serve-https.ts";
import { serveTlsPort } from "#broker/api/serve-tls.ts";
import { type TokenDeps, tokenRoutes } from "#broker/api/token-endpoint/routes.ts";
import { type BrokerAuthority, openAuthority } from "#broker/authority/authority.ts";
import { type Broker, createBroker } from "#broker/broker.ts";
import { podPeer } from "#broker/pods/peer.ts";
import type { Cluster } from "#broker/pods/pods.ts";
import { openTrail } from "#broker/trail/file-trail.ts";
import { directoryKeyring } from "#broker/trail/keyring.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import type { PolicySource } from "#core/api/loaded.ts";
import type { Connection, SecretAccessPolicy } from "#core/api/kinds.gen.ts";
import { connectionKind } from "#test/broker/support/broker.ts";
import { upstreamOf } from "#test/broker/support/upstream.ts";
import { temporaryFolder } from "#test/port/carriers.ts";
import { SERVER_NAME, TEST_LIMITS, storeInMemory } from "#test/port/tls.ts";

export const ISSUER = "https://sallyport-broker.sallyport-system.svc:8444";
export const PASSWORD = "canary-exchange-19c4";

export interface Rig extends AsyncDisposable {
  readonly broker: Broker;
  readonly authority: BrokerAuthority;
  readonly port: number;
  readonly enrolPort: number;
  readonly connections: number;
  /** Everything that was noted, as lines. */
  readonly notes: string[];
  readonly trailDirectory: string;
  /** Added to the broker's clock. */
  readonly clock: { aheadMs: number };
  /** The Connection `shop/orders`, and these policies. */
  configure(policies: readonly PolicySource[], connections?: readonly Connection[]): void;
  /** Ends the broker, and neither its ports nor its trail. */
  stopBroker(): Promise<void>;
}

export async function startRig(
  cluster: Cluster,
  overrides: Partial<Pick<TokenDeps, "trail">> = {},
): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const notes: string[] = [];
  const clock = { aheadMs: 0 };
  const now = (): number => Date.now() + clock.aheadMs;
  const note = (name: string, fields: object): void => void notes.push(`${name} ${JSON.stringify(fields)}`);
  const stop = new AbortController();
  stack.defer(() => stop.abort());
  const name = randomBytes(8).toString("hex");
  const disk = realDisk;
  const directory = join(folder.path, "trail");
  const keyring = directoryKeyring(disk, join(folder.path, "keys"));
  const trail = stack.use(await openTrail({ directory, keyring, disk, broker: name, nowMs: now, note }));
  const state = join(folder.path, "state");
  await disk.makeDirectory(state, 0o700);
  const options = { broker: name, directory: state, disk, trail, variables: {}, now, note };
  const broker = await createBroker({ ...options, lingerMs: 0, tickMs: Number.POSITIVE_INFINITY });
  let isStopped = false;
  const stopBroker = async (): Promise<void> => {
    if (!isStopped) {
      isStopped = true;
      await broker[Symbol.asyncDispose]();
    }
  };
  stack.defer(stopBroker);
  const authority = await openAuthority({
    store: storeInMemory(),
    names: [SERVER_NAME],
    now,
    note,
    signal: stop.signal,
  });
  const common = { host: "127.0.0.1", port: 0, authority, note, now, limits: TEST_LIMITS };
  const tls = stack.use(
    await serveTlsPort({
      ...common,
      admit: admitPods(cluster, ({ claim }, { address, expiresMs }) =>
        broker.attach(podPeer({ cluster, claim, address, expiresMs })),
      ),
    }),
  );
  const deps = { broker, cluster, authority, trail, issuer: ISSUER, note, now, ...overrides };
  const routes = [enrolRoute({ cluster, authority, note }), tokenRoutes(deps)];
  const https = stack.use(await serveHttps({ ...common, routes }));
  const password = join(folder.path, "password");
  await writeFile(password, PASSWORD, { mode: 0o600 });
  const orders = connectionKind(upstreamOf(5432, { file: { path: password } }).spec);
  const open = stack.move();
  return {
    broker,
    authority,
    port: tls.port,
    enrolPort: https.port,
    get connections() {
      return tls.connections;
    },
    notes,
    trailDirectory: directory,
    clock,
    configure(policies, connections = [orders]) {
      broker.update({
        loaded: {
          connections,
          policies,
          identityProviders: [],
          workloadControllers: [],
          tests: [],
          gateways: [],
          diagnostics: [],
        },
        listeners: {},
        authorities: new Map(),
      });
    },
    stopBroker,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

export function policyFor(
  account: { readonly namespace: string; readonly name: string },
  more: Partial<SecretAccessPolicy["spec"]> = {},
): PolicySource {
  const policy: SecretAccessPolicy = {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "SecretAccessPolicy",
    metadata: { name: "agents", namespace: "shop" },
    spec: {
      subjects: [{ serviceAccount: account }],
      connections: { names: ["orders"] },
      allow: [{ name: "read", postgres: { preset: "readOnly", tables: ["public.*"] } }],
      ...more,
    },
  };
  return { state: "good", origin: "/policies/agents.yaml", policy };
}

/** A client's certificate and key; absent: it shows none. */
export interface Shown {
  readonly certificatePem: string;
  readonly keyPem: string;
}
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** One request over a connection of its own. */
export function ask(
  rig: Pick<Rig, "enrolPort" | "authority">,
  path: string,
  shown?: Shown,
  form?: { readonly body: string | Buffer; readonly type?: string },
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const outgoing = request(
    {
      host: "127.0.0.1",
      port: rig.enrolPort,
      path,
      method: form === undefined ? "GET" : "POST",
      servername: SERVER_NAME,
      ca: rig.authority.bundlePem,
      ...(shown === undefined ? {} : { cert: shown.certificatePem, key: shown.keyPem }),
      agent: false,
      headers: form === undefined ? {} : { "content-type": form.type ?? "application/x-www-form-urlencoded" },
    },
    (incoming) => {
      const pieces: Buffer[] = [];
      incoming.on("data", (piece: Buffer) => pieces.push(piece));
      incoming.on("error", reject);
      incoming.on("end", () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text: Buffer.concat(pieces).toString("utf8"),
        }),
      );
    },
  );
  outgoing.on("error", reject);
  outgoing.end(form?.body);
  return promise;
}
