/** What stands in front of a server, each in processes of its own so that its price can be told. */
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startChild } from "#tools/world/child.ts";
import { startGateway } from "#tools/world/gateway.ts";
import { AUDIENCE, type World, identityProvider } from "#tools/world/world.ts";
import { type Upstream, startHaproxy, startPlainPgbouncer, startPgbouncerTls } from "../proxies/peers.ts";
import { DURABLE_FIRST, type GatewayKind, RUN_AHEAD, SESSIONS_MAX, gatewayFiles } from "./kinds.ts";
import type { Target } from "./world.ts";

export interface Around {
  /** Where tokens come from, and secrets go. */
  readonly world: World;
  readonly folder: string;
}

export interface Standing {
  readonly targets: readonly Target[];
  readonly versions: Readonly<Record<string, string>>;
}

const RELAY = fileURLToPath(new URL("relay-program.ts", import.meta.url));

export async function standInFront(
  upstream: Upstream,
  kinds: readonly GatewayKind[],
  around: Around,
  opened: AsyncDisposableStack,
): Promise<Standing> {
  const targets: Target[] = [];
  const versions: Record<string, string> = {};
  const starts = kinds.some(({ tls }) => tls)
    ? [startHaproxy, startPlainPgbouncer, startPgbouncerTls]
    : [startHaproxy, startPlainPgbouncer];
  for (const start of starts) {
    const peer = await start(upstream, around.folder);
    if (peer === undefined) continue;
    const { name, version, port, pids } = opened.use(peer);
    const tls = start === startPgbouncerTls;
    if (!tls) versions[name] = version;
    targets.push({
      name,
      port,
      user: "postgres",
      tls,
      isLazy: name.startsWith("pgbouncer"),
      pids: () => pids,
    });
  }
  targets.push(await startRelay(upstream.port, opened));
  for (const kind of kinds) targets.push(...(await startKind(kind, upstream, around, opened)));
  return { targets, versions };
}

async function startRelay(upstreamPort: number, opened: AsyncDisposableStack): Promise<Target> {
  const child = opened.use(startChild([process.execPath, RELAY, String(upstreamPort)]));
  const [, port] = await child.line(/^listening (\d+)/m);
  return { name: "relay", port: Number(port), user: "postgres", tls: false, pids: () => [child.pid] };
}

async function startKind(
  kind: GatewayKind,
  { port: upstreamPort, password }: Upstream,
  { world, folder }: Around,
  opened: AsyncDisposableStack,
): Promise<Target[]> {
  const config = join(folder, kind.name);
  const ofThis = `${basename(folder)}-${kind.name}`;
  await mkdir(config);
  await gatewayFiles(kind, config, {
    token: await world.writeSecret(`token-${ofThis}`, await world.issuer.issue("agent", AUDIENCE)),
    password: await world.writeSecret(`password-${ofThis}`, `${password}\n`),
    port: upstreamPort,
    authorityFile: world.authorityFile,
    provider: identityProvider(world.issuer, "bench"),
  });
  const words = ["--workers", String(kind.workers), "--sessions", String(SESSIONS_MAX)];
  const gateway = opened.use(startGateway({ config, folder }, { data: `${config}-data`, words }));
  const { port } = await gateway.listener(RUN_AHEAD);
  const { name, tls } = kind;
  const target = { name, port, user: "agent", tls, pids: () => gateway.pids() };
  if (!kind.alsoStrict) return [target];
  const { port: strictPort } = await gateway.listener(DURABLE_FIRST);
  return [target, { ...target, name: `${name}-strict`, port: strictPort, strictOf: name }];
}
