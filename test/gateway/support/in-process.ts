/** A whole gateway in this process: real broker, real trail, real socket between them, real clients. Only processes are missing. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, after } from "node:test";
import { type ControlPlane, openControlPlane } from "#broker/process/control-plane.ts";
import type { ListenerPlan } from "#broker/process/messages.ts";
import type { Disk } from "#broker/trail/disk.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import type { EventFields } from "#core/audit/requests.ts";
import { rowsOf, startReading } from "#cli/audit/rows.ts";
import { type LogFields, openLog } from "#runtime/log.ts";
import type { ListenerSettings } from "#sidecar/process/messages.ts";
import { type DataPlane, openDataPlane } from "#sidecar/process/data-plane.ts";
import { type Issuer, startIssuer } from "#tools/oidc/issuer.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import { connect } from "#tools/postgres/client.ts";
import {
  AUDIENCE,
  type Folders,
  UPSTREAM_PASSWORD,
  connection,
  gateway,
  listener,
  makeFolders,
  policy,
  provider,
} from "./kinds.ts";

let issuer: Promise<Issuer> | undefined;
let upstream: Promise<PostgresServer> | undefined;
after(async () => {
  await (await issuer)?.stop();
  await (await upstream)?.[Symbol.asyncDispose]();
});

/** One for a whole file of tests. */
export function sharedIssuer(): Promise<Issuer> {
  issuer ??= startIssuer();
  return issuer;
}

export function sharedUpstream(): Promise<PostgresServer> {
  upstream ??= prepared();
  return upstream;
}

async function prepared(): Promise<PostgresServer> {
  const server = await startPostgres({ version: 18, tcp: true, settings: { max_connections: "100" } });
  await using root = await connect(server);
  await root.query(`
    CREATE ROLE orders_agent LOGIN PASSWORD '${UPSTREAM_PASSWORD}';
    CREATE TABLE orders (id int PRIMARY KEY, customer text, total numeric);
    INSERT INTO orders SELECT id, 'customer ' || id, id * 1.5 FROM generate_series(1, 1000) id;
    GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO orders_agent`);
  return server;
}

export interface RigOptions {
  readonly policies?: readonly object[];
  readonly connection?: object;
  /** Of an upstream that the test has brought along: then there is no PostgreSQL. */
  readonly upstreamPort?: number;
  readonly listener?: object;
  readonly sessionsMax?: number;
  readonly trailWaitMs?: number;
  readonly leaseMs?: number;
  readonly disk?: Disk;
  /** Of the listener. */
  readonly tls?: { readonly certPem: string; readonly keyPem: string };
  /** Undefined: the upstream's own. */
  readonly password?: string;
  /** Whose token the ambient listener holds. */
  readonly clientId?: string;
}

export interface Rig extends Folders {
  readonly plane: DataPlane;
  readonly upstream: PostgresServer;
  readonly lines: readonly LogLine[];
  readonly port: number;
  /** Undefined while it is stopped. */
  readonly control: ControlPlane | undefined;
  readonly passwordFile: string;
  stopBroker(): Promise<void>;
  startBroker(): Promise<void>;
  /** All that is on record, in its order. */
  events(): Promise<readonly EventFields[]>;
  /** Resolves when this version of the files is in force in the data plane. */
  applied(change: () => void): Promise<void>;
}

export type LogLine = LogFields & { readonly message: string };

export async function startRig(context: TestContext, options: RigOptions = {}): Promise<Rig> {
  const { upstreamPort } = options;
  const upstreams = upstreamPort === undefined ? sharedUpstream() : undefined;
  const [issuerNow, server] = await Promise.all([sharedIssuer(), upstreams]);
  const folders = makeFolders();
  const lines: LogLine[] = [];
  const log = openLog({
    write: (line) => void lines.push(JSON.parse(line) as LogLine),
    nowMs: Date.now,
    level: "debug",
  });
  const passwordFile = join(folders.root, "password");
  writeFileSync(passwordFile, options.password ?? UPSTREAM_PASSWORD, { mode: 0o600 });
  writeFileSync(folders.tokenFile, await issuerNow.issue(options.clientId ?? "agent", AUDIENCE), {
    mode: 0o600,
  });
  folders.write("identity.yaml", provider(issuerNow));
  folders.write(
    "connection.yaml",
    connection(upstreamPort ?? server?.port ?? 0, passwordFile, options.connection),
  );
  folders.write("policies.yaml", ...(options.policies ?? [policy()]));
  const { tokenFile } = folders;
  const address = { host: "127.0.0.1", port: 0 };
  folders.write(
    "gateway.yaml",
    gateway(listener({ address, identity: { ambient: { tokenFile } }, ...options.listener })),
  );
  const portPath = join(folders.root, "port", "broker.sock");
  const plane = openDataPlane({
    settings: {
      worker: 1,
      portPath,
      sessionsMax: options.sessionsMax ?? 100,
      trailWaitMs: options.trailWaitMs ?? 5_000,
    },
    passCancel: (key) => plane.gateway.cancel(key),
    log,
  });
  let control: ControlPlane | undefined;
  const startBroker = async (): Promise<void> => {
    control = await openControlPlane({
      settings: {
        config: folders.config,
        state: folders.state,
        portPath,
        adminPath: join(folders.root, "admin", "admin.sock"),
      },
      variables: {},
      disk: options.disk ?? realDisk,
      log,
      onListeners: (listeners) => plane.update(listeners.map((one) => settingsOf(one, options.tls))),
      ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
      lingerMs: 0,
    });
    await until(() => plane.isConnected && plane.gateway.notReady().length === 0);
  };
  const stopBroker = async (): Promise<void> => {
    await control?.[Symbol.asyncDispose]();
    control = undefined;
  };
  await startBroker();
  const arrivals = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (client) =>
    plane.accept(client, "agents"),
  ).listen(0, "127.0.0.1");
  await once(arrivals, "listening");
  context.after(async () => {
    arrivals.close();
    await plane[Symbol.asyncDispose]();
    await stopBroker();
    folders[Symbol.dispose]();
  });
  return {
    ...folders,
    plane,
    get upstream() {
      if (server === undefined) throw new TypeError("the test has its own upstream");
      return server;
    },
    lines,
    port: (arrivals.address() as AddressInfo).port,
    get control() {
      return control;
    },
    passwordFile,
    startBroker,
    stopBroker,
    events: () => eventsIn(join(folders.state, "trail")),
    applied: async (change) => {
      const before = plane.gateway.planVersion;
      change();
      await until(() => plane.gateway.planVersion !== before);
    },
  };
}

/** All that is in that trail, in its order. */
export async function eventsIn(directory: string): Promise<readonly EventFields[]> {
  const events: EventFields[] = [];
  for await (const row of rowsOf(startReading(directory, undefined)))
    if ("event" in row) events.push(row.event);
  return events;
}

function settingsOf(
  { name, connection, protocol, identity }: ListenerPlan,
  tls: RigOptions["tls"],
): ListenerSettings {
  const shown = tls && { certificatePem: tls.certPem, keyPem: Buffer.from(tls.keyPem) };
  return { name, connection, protocol, identity, ...(shown === undefined ? {} : { tls: shown }) };
}

/** Waits for what has to come true; fails when it does not. */
export async function until(isTrue: () => boolean | Promise<boolean>, withinMs = 30_000): Promise<void> {
  const deadlineMs = Date.now() + withinMs;
  while (!(await isTrue())) {
    if (Date.now() > deadlineMs) throw new Error(`not true within ${withinMs} ms: ${isTrue.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
