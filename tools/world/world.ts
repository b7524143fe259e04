/** What stands around a gateway: a PostgreSQL server with TLS, an OpenID provider, and the folder that the gateway is told by. */
import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Issuer, startIssuer } from "../oidc/issuer.ts";
import type { PostgresVersion } from "../postgres/binaries.ts";
import { type Session, connect } from "../postgres/client.ts";
import { type PostgresServer, startPostgres } from "../postgres/server.ts";
import { BROKER_UID } from "./gateway.ts";

export interface WorldOptions {
  readonly version: PostgresVersion;
  readonly authority: { readonly certPem: string };
  /** Of the server, for 127.0.0.1. */
  readonly certificate: { readonly certPem: string; readonly keyPem: string };
  readonly database: string;
  /** Run by the superuser in the database; makes the role `template`. */
  readonly schema: string;
  /** The role that minted roles are members of. */
  readonly template: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly tokenSeconds?: number;
}

export interface World extends AsyncDisposable {
  readonly server: PostgresServer;
  /** As superuser, in the database. */
  readonly root: Session;
  readonly issuer: Issuer;
  /** Holds everything below. */
  readonly folder: string;
  /** For `sallyport gateway --config`. */
  readonly config: string;
  readonly authorityFile: string;
  /** Of the role `sallyport_minter`. */
  readonly minterPasswordFile: string;
  readonly minterPassword: string;
  /** Puts a file into `config`, whole at any time. */
  write(name: string, text: string): Promise<void>;
  /** Puts a file beside `config` that only the broker may read. */
  writeSecret(name: string, text: string): Promise<string>;
}

export const AUDIENCE = "urn:sallyport:demo";

export async function startWorld(options: WorldOptions): Promise<World> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "sallyport-world-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  // The broker and the server run as other users than this one.
  await chmod(folder, 0o755);
  const server = opened.use(
    await startPostgres({
      version: options.version,
      tcp: true,
      tls: options.certificate,
      ...(options.settings === undefined ? {} : { settings: options.settings }),
    }),
  );
  const minterPassword = randomBytes(24).toString("base64url");
  await prepareDatabase(server, options, minterPassword);
  const root = opened.use(await connect(server, { database: options.database }));
  const issuer = opened.use(await startIssuer({ tokenSeconds: options.tokenSeconds ?? 3_600 }));
  const config = join(folder, "config");
  await mkdir(config);
  const authorityFile = join(folder, "authority.pem");
  await writeFile(authorityFile, options.authority.certPem);
  const writeSecret = async (name: string, text: string): Promise<string> => {
    const path = join(folder, "secrets", name);
    await mkdir(dirname(path), { recursive: true });
    await writeWhole(path, text, { mode: 0o600, ownerUid: BROKER_UID });
    return path;
  };
  const minterPasswordFile = await writeSecret("minter-password", `${minterPassword}\n`);
  const moved = opened.move();
  return {
    server,
    root,
    issuer,
    folder,
    config,
    authorityFile,
    minterPassword,
    minterPasswordFile,
    write: (name, text) => writeWhole(join(config, name), text),
    writeSecret,
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

async function prepareDatabase(
  server: PostgresServer,
  { database, schema, template }: WorldOptions,
  minterPassword: string,
): Promise<void> {
  {
    await using session = await connect(server);
    await session.query(`CREATE DATABASE ${database}`);
  }
  await using session = await connect(server, { database });
  await session.query(schema);
  await session.query(`CREATE ROLE sallyport_minter LOGIN CREATEROLE PASSWORD '${minterPassword}'`);
  await session.query(`GRANT ${template} TO sallyport_minter WITH ADMIN OPTION`);
}

/** Readers see the old file or the new one. */
async function writeWhole(
  path: string,
  text: string,
  { mode, ownerUid }: { readonly mode: number; readonly ownerUid?: number | undefined } = { mode: 0o644 },
): Promise<void> {
  const draft = `${path}.draft`;
  await writeFile(draft, text, { mode });
  if (ownerUid !== undefined) await chown(draft, ownerUid, -1);
  await rename(draft, path);
}

/** A Connection to the world's database, whose sessions get a role of their own. */
export function mintedConnection(
  world: Pick<World, "server" | "authorityFile" | "minterPasswordFile">,
  {
    namespace,
    name,
    database,
    template,
  }: Readonly<Record<"namespace" | "name" | "database" | "template", string>>,
): string {
  return `# The database. The credential is a role of its own for each agent, made when it comes and dropped when it has gone.
apiVersion: sallyport.dev/v1alpha1
kind: Connection
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  protocol: postgres
  address: { host: 127.0.0.1, port: ${world.server.port} }
  tls: { mode: verify-full, ca: { file: ${world.authorityFile} } }
  credential:
    mode: minted
    source:
      postgresRole:
        template: ${template}
        minter: { user: sallyport_minter, file: { path: ${world.minterPasswordFile} } }
  postgres: { database: ${database} }
`;
}

export function identityProvider({ issuer }: Issuer, name: string): string {
  return `# Whose tokens are believed.
apiVersion: sallyport.dev/v1alpha1
kind: IdentityProvider
metadata: { name: ${name} }
spec:
  issuer: ${issuer}
  audiences: ["${AUDIENCE}"]
`;
}
