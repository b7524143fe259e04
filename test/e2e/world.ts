/** A gateway in front of a small database, as the tests from end to end use it. */
import { makeAuthority } from "#tools/world/certificates.ts";
import { type GatewayOptions, type GatewayProcess, startGateway } from "#tools/world/gateway.ts";
import { AUDIENCE, type World, identityProvider, mintedConnection, startWorld } from "#tools/world/world.ts";

export const DATABASE = "app";
export const STATIC_USER = "app_static";

export interface EndToEnd extends AsyncDisposable {
  readonly world: World;
  readonly gateway: GatewayProcess;
  readonly tokenFile: string;
  /** Another gateway on the same folders; the one before must have ended. */
  restart(options?: GatewayOptions): Promise<GatewayProcess>;
}

export interface EndToEndOptions extends GatewayOptions {
  /** Of the role with a password that does not change. */
  readonly staticPassword: string;
  readonly version?: 15 | 18;
}

const schema = (staticPassword: string): string => `
  create role app_agent nologin;
  create role ${STATIC_USER} login password '${staticPassword}' in role app_agent;
  create table items (id int primary key, name text not null, email text not null);
  insert into items select i, 'item ' || i, 'someone' || i || '@example.com' from generate_series(1, 500) i;
  create table notes (tag text primary key);
  grant select, insert on items, notes to app_agent;`;

export async function startEndToEnd(options: EndToEndOptions): Promise<EndToEnd> {
  await using opened = new AsyncDisposableStack();
  const authority = makeAuthority();
  const world = opened.use(
    await startWorld({
      version: options.version ?? 18,
      authority,
      certificate: authority.issue("127.0.0.1"),
      database: DATABASE,
      template: "app_agent",
      schema: schema(options.staticPassword),
      settings: { max_connections: "100" },
    }),
  );
  const tokenFile = await world.writeSecret("token", await world.issuer.issue("agent", AUDIENCE));
  await writeKinds(world, tokenFile, options.staticPassword);
  let gateway = opened.use(startGateway(world, options));
  await gateway.listener("minted");
  const moved = opened.move();
  return {
    world,
    get gateway() {
      return gateway;
    },
    tokenFile,
    async restart(again = options) {
      gateway = moved.use(startGateway(world, again));
      await gateway.listener("minted");
      return gateway;
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

async function writeKinds(world: World, tokenFile: string, staticPassword: string): Promise<void> {
  const passwordFile = await world.writeSecret("static-password", `${staticPassword}\n`);
  const names = { namespace: "test", name: "minted", database: DATABASE, template: "app_agent" };
  await world.write("minted.yaml", mintedConnection(world, names));
  await world.write("static.yaml", staticConnection(world, passwordFile));
  await world.write("provider.yaml", identityProvider(world.issuer, "world"));
  await world.write("policy.yaml", POLICY);
  await world.write("gateway.yaml", gatewayKind(tokenFile));
}

function staticConnection({ server, authorityFile }: World, passwordFile: string): string {
  return `
apiVersion: sallyport.dev/v1alpha1
kind: Connection
metadata: { name: static, namespace: test }
spec:
  protocol: postgres
  address: { host: 127.0.0.1, port: ${server.port} }
  tls: { mode: verify-full, ca: { file: ${authorityFile} } }
  credential: { mode: static, source: { file: { path: ${passwordFile} } } }
  postgres: { database: ${DATABASE}, user: ${STATIC_USER} }
`;
}

export const POLICY = `
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: items, namespace: test }
spec:
  subjects: [{ oidc: { provider: world, claims: { sub: agent } } }]
  connections: { names: [minted, static] }
  allow:
    - name: work
      postgres:
        statements: [read, insert]
        tables: [public.items, public.notes]
        functions: [pg_catalog.pg_sleep]
  mask:
    - postgres: { columns: [public.items.email] }
`;

function gatewayKind(tokenFile: string): string {
  const listener = (name: string): string => `
    - name: ${name}
      connection: { namespace: test, name: ${name} }
      address: { host: 127.0.0.1, port: 0 }
      identity: { ambient: { tokenFile: ${tokenFile} } }`;
  return `
apiVersion: sallyport.dev/v1alpha1
kind: Gateway
metadata: { name: test }
spec:
  listeners:${listener("minted")}${listener("static")}
`;
}
