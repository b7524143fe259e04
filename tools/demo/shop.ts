/** The demo's world: a small shop's database, an identity for the agent, the kinds, and the gateway that reads them. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeAuthority } from "../world/certificates.ts";
import { SALLYPORT, startGateway } from "../world/gateway.ts";
import { AUDIENCE, type World, identityProvider, mintedConnection, startWorld } from "../world/world.ts";
import { type Evidence, evidence } from "./evidence.ts";
import type { DemoOptions } from "./options.ts";

export interface Shop extends AsyncDisposable, Pick<World, "folder" | "root"> {
  readonly agentEnvironment: Readonly<Record<string, string>>;
  /** For psql. */
  readonly connectionWords: string;
  readonly evidence: Evidence;
  readonly policyFile: string;
  /** What a visitor may edit. */
  readonly files: readonly string[];
  readonly writePolicy: (text: string) => Promise<void>;
}

const POLICY = "reporting.yaml";
const GUARDRAIL = "guardrail.yaml";
const INTROSPECTION = "introspection.yaml";
const DATABASE = "shop";
const TOKEN_SECONDS = 3_600;
/** As a platform would: long before the old one is over. */
const TOKEN_RENEWED_MS = 20 * 60_000;

const own = (path: string): Promise<string> =>
  readFile(fileURLToPath(new URL(path, import.meta.url)), "utf8");

export async function openShop({ port }: DemoOptions): Promise<Shop> {
  await using opened = new AsyncDisposableStack();
  const authority = makeAuthority();
  const world = opened.use(
    await startWorld({
      version: 18,
      authority,
      certificate: authority.issue("127.0.0.1"),
      database: DATABASE,
      template: "shop_agent",
      schema: await own("rows.sql"),
      tokenSeconds: TOKEN_SECONDS,
    }),
  );
  const tokenFile = await renewToken(world, opened);
  await writeKinds(world, tokenFile, port);
  const gateway = opened.use(startGateway(world));
  const listener = await gateway.listener("agents");
  const moved = opened.move();
  return {
    folder: world.folder,
    root: world.root,
    agentEnvironment: {
      PATH: process.env["PATH"] ?? "",
      PGHOST: listener.host,
      PGPORT: String(listener.port),
      PGDATABASE: DATABASE,
      PGUSER: "agent",
    },
    connectionWords: `host=${listener.host} port=${listener.port} dbname=${DATABASE} user=agent`,
    evidence: evidence(SALLYPORT, gateway.trail),
    policyFile: join(world.config, POLICY),
    files: [POLICY, GUARDRAIL].map((name) => join(world.config, name)),
    writePolicy: (text) => world.write(POLICY, text),
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

/** What the platform gives every agent anyway: a token that says who it is, renewed in its place. */
async function renewToken(world: World, opened: AsyncDisposableStack): Promise<string> {
  const renew = async (): Promise<string> =>
    world.writeSecret("agent-token", await world.issuer.issue("agent", AUDIENCE));
  const timer = setInterval(
    () => void renew().catch((error: unknown) => console.error(error)),
    TOKEN_RENEWED_MS,
  );
  opened.defer(() => clearInterval(timer));
  return renew();
}

async function writeKinds(world: World, tokenFile: string, port: number): Promise<void> {
  const names = { namespace: "shop", name: "orders", database: DATABASE, template: "shop_agent" };
  await world.write("connection.yaml", mintedConnection(world, names));
  await world.write("identity-provider.yaml", identityProvider(world.issuer, "demo"));
  for (const name of [POLICY, GUARDRAIL, INTROSPECTION]) await world.write(name, await own(`config/${name}`));
  await world.write("gateway.yaml", gatewayKind(tokenFile, port));
}

function gatewayKind(tokenFile: string, port: number): string {
  return `# Where agents reach the gateway, and who they are there.
apiVersion: sallyport.dev/v1alpha1
kind: Gateway
metadata: { name: demo }
spec:
  listeners:
    - name: agents
      connection: { namespace: shop, name: orders }
      address: { host: 127.0.0.1, port: ${port} }
      identity: { ambient: { tokenFile: ${tokenFile} } }
`;
}
