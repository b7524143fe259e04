/** A real PostgreSQL with a template role and somebody who may mint from it, and what agents do there. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { takingEnvironment } from "#broker/environment.ts";
import { type Journal, openJournal } from "#broker/leases/journal.ts";
import type { NoteFields, NoteName } from "#broker/note.ts";
import { postgresRoleSource } from "#broker/sources/postgres-role/index.ts";
import { type Administrator, connectAdministrator } from "#broker/sources/postgres-role/client.ts";
import type { Credential, CredentialSource, Upstream } from "#broker/sources/source.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import type { Connection } from "#core/api/kinds.gen.ts";
import { type Refusal, isRefusal } from "#core/values/refusal.ts";
import { textOf } from "#test/architecture/sources.ts";
import { fencesOf } from "#test/docs/fences.ts";
import type { PostgresVersion } from "#tools/postgres/binaries.ts";
import { type Session, connect } from "#tools/postgres/client.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import { type Clock, clock } from "./identity.ts";

export const MINTER_PASSWORD = "canary-minter-5d2c91";

export interface Database extends AsyncDisposable {
  readonly server: PostgresServer;
  /** As superuser, to look and to set up. */
  readonly root: Session;
  readonly upstream: Upstream;
  readonly folder: string;
}

export async function startDatabase(version: PostgresVersion): Promise<Database> {
  const server = await startPostgres({ version, tcp: true });
  const folder = await mkdtemp(join(tmpdir(), "sallyport-broker-"));
  const root = await connect(server);
  for (const statement of SETUP) await root.query(statement);
  const passwordFile = join(folder, "minter");
  writeFileSync(passwordFile, `${MINTER_PASSWORD}\n`, { mode: 0o600 });
  return {
    server,
    root,
    folder,
    upstream: upstreamOf(server.port, {
      postgresRole: {
        template: "orders_agent",
        minter: { user: "sallyport_minter", file: { path: passwordFile } },
      },
    }),
    async [Symbol.asyncDispose]() {
      await root[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** What docs/credentials.md tells people to do, and databases to work in. */
const SETUP = [
  ...fencesOf("docs/credentials.md", textOf("docs/credentials.md"))
    .filter(({ info }) => info === "sql test")
    .map(({ text }) => text.replace("change-me", MINTER_PASSWORD)),
  "CREATE DATABASE orders",
  "CREATE DATABASE other",
  "GRANT CREATE ON DATABASE orders TO orders_agent",
  "GRANT CREATE ON DATABASE other TO orders_agent",
];

export function upstreamOf(
  port: number,
  source: NonNullable<Connection["spec"]["credential"]["source"]>,
): Upstream {
  return {
    ref: { namespace: "shop", name: "orders" },
    spec: {
      protocol: "postgres",
      address: { host: "127.0.0.1", port },
      tls: { mode: "disable" },
      credential: { mode: source.postgresRole === undefined ? "static" : "minted", source },
      postgres: { database: "orders", user: "reader" },
    },
  };
}

export interface MinterOptions {
  readonly folder: string;
  readonly time?: Clock;
  readonly lingerMs?: number;
  readonly broker?: string;
  readonly journal?: Journal;
}

export interface Minting extends AsyncDisposable {
  readonly source: CredentialSource;
  readonly journal: Journal;
  readonly notes: (readonly [NoteName, NoteFields])[];
}

export async function startMinting(options: MinterOptions): Promise<Minting> {
  const { folder, time = clock(), lingerMs = 0, broker = "broker-a" } = options;
  const notes: (readonly [NoteName, NoteFields])[] = [];
  const note = (name: NoteName, fields: NoteFields) => void notes.push([name, fields]);
  const journal =
    options.journal ?? (await openJournal({ directory: join(folder, "state"), disk: realDisk, note }));
  const environment = takingEnvironment({});
  const source = postgresRoleSource({ environment, journal, broker, now: time.now, note, lingerMs });
  return {
    source,
    journal,
    notes,
    async [Symbol.asyncDispose]() {
      await source[Symbol.asyncDispose]();
      await journal[Symbol.asyncDispose]();
    },
  };
}

export const forEver = new AbortController().signal;

export async function leased(
  source: CredentialSource,
  upstream: Upstream,
  more: { subject?: string; untilMs?: number; concurrentSessionsMax?: number } = {},
): Promise<Credential> {
  const { subject = "test|agent", untilMs = 0, ...rest } = more;
  const answer = await source.lease({ upstream, subject, untilMs, ...rest }, forEver);
  assert.ok(!isRefusal(answer), isRefusal(answer) ? `${answer.code}: ${answer.publicText}` : "");
  return answer;
}

/** Signs in as the gateway would: with proofs, knowing no password. Throws what the server answers. */
export function signIn(
  { spec }: Upstream,
  credential: Credential,
  database = "orders",
): Promise<Administrator> {
  return connectAdministrator(
    {
      ...spec.address,
      tls: { mode: "disable" },
      user: credential.user,
      database,
      prove: async (challenge) => {
        const proof: object = await credential.prove({ kind: "scram-sha-256", ...challenge }, forEver);
        if (isRefusal(proof)) throw new Refused(proof);
        return proof as never;
      },
    },
    AbortSignal.timeout(10_000),
  );
}

export class Refused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.publicText);
    this.refusal = refusal;
  }
}

export async function mintedRoles(root: Session): Promise<readonly string[]> {
  const rows = await root.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'sp\\_%' ORDER BY 1");
  return rows.map(({ rolname }) => String(rolname));
}
