/** One server, and everything that can stand in front of it, each in processes of its own so that its price can be told. */
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeAuthority } from "#tools/world/certificates.ts";
import { startChild } from "#tools/world/child.ts";
import { type GatewayProcess, startGateway } from "#tools/world/gateway.ts";
import { AUDIENCE, type World, identityProvider, startWorld } from "#tools/world/world.ts";
import { type Peer, startHaproxy, startPgbouncer } from "../proxies/peers.ts";
import { type GatewayKind, gatewayFiles } from "./kinds.ts";
import type { Endpoint, SignIn } from "./probe.ts";
import { DATABASE, ROLE, SCHEMA } from "./schema.ts";

export interface Target extends Endpoint {
  /** Asked what has to be durable on record before it is forwarded. */
  readonly strict: boolean;
  /** Of all its processes now. */
  pids(): readonly number[];
}

export interface PerformanceWorld extends AsyncDisposable {
  readonly signIn: SignIn;
  /** `direct` first; then what there is of haproxy and pgbouncer, the relay, and the gateways. */
  readonly targets: readonly Target[];
  readonly versions: Readonly<Record<string, string>>;
}

const RELAY = fileURLToPath(new URL("relay-program.ts", import.meta.url));

export async function openWorld(kinds: readonly GatewayKind[]): Promise<PerformanceWorld> {
  await using opened = new AsyncDisposableStack();
  const authority = makeAuthority();
  const world = opened.use(
    await startWorld({
      version: 18,
      authority,
      certificate: authority.issue("127.0.0.1"),
      database: DATABASE,
      template: ROLE,
      schema: SCHEMA,
      // Nothing of the server's own comes in between: no vacuum, no checkpoint.
      settings: {
        max_connections: "300",
        shared_buffers: "768MB",
        autovacuum: "off",
        checkpoint_timeout: "1d",
        max_wal_size: "4GB",
      },
    }),
  );
  await world.root.query("vacuum (freeze, analyze)");
  const { port, password } = world.server;
  const folder = await mkdtemp(join(tmpdir(), "sallyport-bench-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const direct = { port, user: "postgres", tls: false, strict: false };
  const targets: Target[] = [{ ...direct, name: "direct", pids: () => [] }];
  const versions: Record<string, string> = { node: process.version };
  const [server] = await world.root.query("show server_version");
  versions["postgres"] = String(server?.["server_version"]);
  for (const peer of [
    await startHaproxy({ port, password }, folder),
    await startPgbouncer({ port, password }, folder),
  ])
    if (peer !== undefined) targets.push(peerTarget(opened.use(peer), versions));
  targets.push(await startRelay(port, opened));
  for (const kind of kinds) targets.push(...(await startKind(kind, world, folder, opened)));
  const moved = opened.move();
  return {
    signIn: { database: DATABASE, password },
    targets,
    versions,
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

function peerTarget({ name, version, port, pids }: Peer, versions: Record<string, string>): Target {
  versions[name] = version;
  return { name, port, user: "postgres", tls: false, strict: false, pids: () => pids };
}

async function startRelay(upstreamPort: number, opened: AsyncDisposableStack): Promise<Target> {
  const child = opened.use(startChild([process.execPath, RELAY, String(upstreamPort)]));
  const [, port] = await child.line(/^listening (\d+)/m);
  return {
    name: "relay",
    port: Number(port),
    user: "postgres",
    tls: false,
    strict: false,
    pids: () => [child.pid],
  };
}

async function startKind(
  kind: GatewayKind,
  world: World,
  folder: string,
  opened: AsyncDisposableStack,
): Promise<Target[]> {
  const config = join(folder, kind.name);
  await mkdir(config);
  const token = await world.writeSecret(`token-${kind.name}`, await world.issuer.issue("agent", AUDIENCE));
  const password = await world.writeSecret("password", `${ROLE}\n`);
  await gatewayFiles(kind, config, {
    token,
    password,
    port: world.server.port,
    authorityFile: world.authorityFile,
    provider: identityProvider(world.issuer, "bench"),
  });
  const gateway: GatewayProcess = opened.use(
    startGateway(
      { config, folder },
      { data: join(folder, `${kind.name}-data`), words: ["--workers", String(kind.workers)] },
    ),
  );
  const { port } = await gateway.listener("bench");
  const target = {
    name: kind.name,
    port,
    user: "agent",
    tls: kind.tls,
    strict: false,
    pids: () => gateway.pids(),
  };
  return kind.alsoStrict ? [target, { ...target, name: `${kind.name}-strict`, strict: true }] : [target];
}
