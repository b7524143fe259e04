/** The database that figures are taken on, with a gateway in front of it as a user would run one. */
import { type GatewayProcess, startGateway } from "#tools/world/gateway.ts";
import { makeAuthority } from "#tools/world/certificates.ts";
import { AUDIENCE, type World, identityProvider, mintedConnection, startWorld } from "#tools/world/world.ts";
import { gatewayKind } from "./listener.ts";
import type { Login } from "./proxies/raw-session.ts";

export const ROWS = 100_000;
const DATABASE = "bench";

const SCHEMA = `
  create role bench_agent nologin;
  create table accounts (id int primary key, owner text not null, email text not null, balance int not null, filler text not null);
  insert into accounts
  select i, 'owner ' || i, 'owner' || i || '@example.com', i % 1000, repeat('x', 80) from generate_series(1, ${ROWS}) i;
  grant select, update on accounts to bench_agent;
  analyze accounts;`;

const policy = (sessionsMax: number, provider: string): string => `
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: bench, namespace: bench }
spec:
  subjects: [{ oidc: { provider: ${provider} } }]
  connections: { names: [bench] }
  allow:
    - name: work
      postgres: { statements: [read, update, copyOut], tables: [public.accounts], functions: [pg_catalog.pg_sleep] }
  mask:
    - postgres: { columns: [public.accounts.email] }
  # A minted role may have as many connections as this needs, and not the default.
  limits: { concurrentSessions: ${sessionsMax} }
`;

export interface BenchWorld extends AsyncDisposable {
  readonly world: World;
  readonly gateway: GatewayProcess;
  /** Through the gateway, and past it. */
  readonly through: Login;
  readonly direct: Login;
  /** Edits the policy so that it is for nobody any more. Resolves when the new file is in place. */
  revokeAll(): Promise<void>;
}

export async function openBenchWorld(options: {
  readonly connectionsMax: number;
  readonly words?: readonly string[];
}): Promise<BenchWorld> {
  await using opened = new AsyncDisposableStack();
  const authority = makeAuthority();
  const world = opened.use(
    await startWorld({
      version: 18,
      authority,
      certificate: authority.issue("127.0.0.1"),
      database: DATABASE,
      template: "bench_agent",
      schema: SCHEMA,
      settings: { max_connections: String(options.connectionsMax), shared_buffers: "128MB" },
    }),
  );
  const token = await world.writeSecret("token", await world.issuer.issue("agent", AUDIENCE));
  const names = { namespace: "bench", name: "bench", database: DATABASE, template: "bench_agent" };
  await world.write("connection.yaml", mintedConnection(world, names));
  await world.write("provider.yaml", identityProvider(world.issuer, "bench"));
  await world.write("policy.yaml", policy(options.connectionsMax, "bench"));
  await world.write("gateway.yaml", gatewayKind(token, ["bench"]));
  const gateway = opened.use(startGateway(world, { words: options.words ?? [] }));
  const { port } = await gateway.listener("bench");
  const moved = opened.move();
  return {
    world,
    gateway,
    through: { port, user: "agent", database: DATABASE },
    direct: {
      port: world.server.port,
      user: "postgres",
      database: DATABASE,
      password: world.server.password,
    },
    revokeAll: () => world.write("policy.yaml", policy(options.connectionsMax, "nobody")),
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}
