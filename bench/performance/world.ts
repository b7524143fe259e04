/** One server, and everything that can stand in front of it. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeAuthority } from "#tools/world/certificates.ts";
import { type World, startWorld } from "#tools/world/world.ts";
import { DATABASE, ROLE } from "../accounts.ts";
import type { GatewayKind } from "./kinds.ts";
import type { Endpoint, Probe, SignIn } from "./probe.ts";
import { SCHEMA } from "./schema.ts";
import { standInFront } from "./standing.ts";

export interface Target extends Endpoint {
  /** Reads are durable on record before they are forwarded; the name of the same gateway without that. */
  readonly strictOf?: string;
  /** Of all its processes now; none where nothing is in between. */
  pids(): readonly number[];
}

export interface PerformanceWorld extends AsyncDisposable {
  readonly signIn: SignIn;
  /** `direct` first; then what there is of haproxy and pgbouncer, the relay, and the gateways. */
  readonly targets: readonly Target[];
  readonly versions: Readonly<Record<string, string>>;
  /** The same anew, and nothing direct, in front of a server that only signs clients in. */
  idle(probe: Probe): Promise<{ readonly targets: readonly Target[] } & AsyncDisposable>;
}

/** Two thousand of one target's while those of the last one are still going, and what pgbouncer keeps. */
const CONNECTIONS_MAX = 6_500;

export async function openWorld(kinds: readonly GatewayKind[]): Promise<PerformanceWorld> {
  await using opened = new AsyncDisposableStack();
  const authority = makeAuthority();
  const certificate = authority.issue("127.0.0.1");
  const world = opened.use(await startServer(authority, certificate));
  const { port, password } = world.server;
  const direct: Target = { name: "direct", port, user: "postgres", tls: false, pids: () => [] };
  const encrypted = kinds.some(({ tls }) => tls) ? [{ ...direct, name: "direct-tls", tls: true }] : [];
  const folder = await folderOf(opened);
  const standing = await standInFront({ port, password, certificate }, kinds, { world, folder }, opened);
  const [server] = await world.root.query("show server_version");
  const moved = opened.move();
  return {
    signIn: { database: DATABASE, password },
    targets: [direct, ...encrypted, ...standing.targets],
    versions: { node: process.version, postgres: String(server?.["server_version"]), ...standing.versions },
    async idle(probe) {
      await using stack = new AsyncDisposableStack();
      const upstream = stack.use(await probe.upstream());
      const around = { world, folder: await folderOf(stack) };
      const quiet = kinds.filter(({ tls, workers }) => !tls && workers === 1);
      const { targets } = await standInFront({ port: upstream.port, password }, quiet, around, stack);
      const ended = stack.move();
      return {
        targets: targets.filter(({ strictOf }) => strictOf === undefined),
        [Symbol.asyncDispose]: () => ended.disposeAsync(),
      };
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

async function startServer(
  authority: { readonly certPem: string },
  certificate: { readonly certPem: string; readonly keyPem: string },
): Promise<World> {
  const world = await startWorld({
    version: 18,
    authority,
    certificate,
    database: DATABASE,
    template: ROLE,
    schema: SCHEMA,
    // Nothing of the server's own comes in between: no vacuum, no checkpoint.
    settings: {
      max_connections: String(CONNECTIONS_MAX),
      shared_buffers: "768MB",
      autovacuum: "off",
      checkpoint_timeout: "1d",
      max_wal_size: "4GB",
    },
  });
  try {
    await world.root.query(`alter role ${ROLE} password '${world.server.password}'`);
    await world.root.query("vacuum (freeze, analyze)");
    return world;
  } catch (error) {
    await world[Symbol.asyncDispose]();
    throw error;
  }
}

async function folderOf(opened: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sallyport-bench-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  // Servers and gateways run as other users than this one.
  await chmod(folder, 0o755);
  return folder;
}
