/** The gateway's folder: where it listens, where that leads, and who may do what. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AUDIENCE, type World, identityProvider, mintedConnection } from "../world/world.ts";
import { introspectionFor } from "./introspection.ts";
import { POLICIES } from "./policies.ts";

/** Closed to everyone else: whoever reaches the socket in it is the agent. */
export const agentFolder = ({ folder }: Pick<World, "folder">): string => join(folder, "agent");

export interface Beside {
  readonly readonly: World;
  readonly silent: number;
  readonly password: string;
  readonly certificate: { readonly certPem: string; readonly keyPem: string };
}

export async function writeFolder(
  world: World,
  { readonly, silent, password, certificate }: Beside,
): Promise<void> {
  const names = { namespace: "test", database: "app", template: "app_agent" };
  const secret = await world.writeSecret("password", `${password}\n`);
  const minterOfReadonly = await world.writeSecret("minter-of-readonly", `${readonly.minterPassword}\n`);
  await world.write("application.yaml", mintedConnection(world, { ...names, name: "application" }));
  await world.write(
    "readonly.yaml",
    mintedConnection(
      { ...readonly, minterPasswordFile: minterOfReadonly, authorityFile: world.authorityFile },
      {
        ...names,
        name: "readonly",
      },
    ),
  );
  await world.write("anything.yaml", staticConnection(world, "anything", world.server.port, secret));
  await world.write("silent.yaml", staticConnection(world, "silent", silent, secret));
  await world.write("provider.yaml", identityProvider(world.issuer, "world"));
  await world.write("policies.yaml", POLICIES);
  await world.write("introspection.yaml", introspectionFor("application"));
  const key = await world.writeSecret("tls.key", certificate.keyPem);
  const chain = await world.writeSecret("tls.crt", certificate.certPem);
  const token = await world.writeSecret("token", await world.issuer.issue("agent", AUDIENCE));
  await mkdir(agentFolder(world), { mode: 0o700 });
  const tls = `tls: { certificate: ${chain}, key: ${key} }`;
  const agents = ["application", "readonly", "silent", "anything"].map(
    (name) => `
    - name: ${name}
      connection: { namespace: test, name: ${name} }
      address: { host: 127.0.0.1, port: 0 }
      identity: { perClient: { providers: [world] } }
      ${tls}`,
  );
  await world.write(
    "gateway.yaml",
    `
apiVersion: sallyport.dev/v1alpha1
kind: Gateway
metadata: { name: test }
spec:
  listeners:
    - name: local
      connection: { namespace: test, name: application }
      socket: ${agentFolder(world)}/.s.PGSQL.5432
      identity: { ambient: { tokenFile: ${token} } }
    - name: loopback
      connection: { namespace: test, name: application }
      address: { host: 127.0.0.1, port: 0 }
      identity: { ambient: { tokenFile: ${token} } }${agents.join("")}
`,
  );
}

const staticConnection = (world: World, name: string, port: number, secret: string): string => `
apiVersion: sallyport.dev/v1alpha1
kind: Connection
metadata: { name: ${name}, namespace: test }
spec:
  protocol: postgres
  address: { host: 127.0.0.1, port: ${port} }
  tls: { mode: verify-full, ca: { file: ${world.authorityFile} } }
  credential: { mode: static, source: { file: { path: ${secret} } } }
  postgres: { database: app, user: trusted }
`;
