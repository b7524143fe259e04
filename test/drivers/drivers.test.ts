/**
 * Drivers, unchanged, through a real gateway: each runs the same program against the server and through the gateway, and
 * must see the same, but for what policy is there to change.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { agentFolder } from "#tools/drivers/folder.ts";
import { introspectionFor } from "#tools/drivers/introspection.ts";
import { connect } from "#tools/postgres/client.ts";
import { makeAuthority } from "#tools/world/certificates.ts";
import { type GatewayProcess, startGateway } from "#tools/world/gateway.ts";
import { AUDIENCE, type World, identityProvider, mintedConnection, startWorld } from "#tools/world/world.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Driver, drivers, psql } from "./programs.ts";

const run = promisify(execFile);
const PROGRAMS = fileURLToPath(new URL("programs", import.meta.url));
const DRIVER_MS_MAX = 60_000;
const SCHEMA = readFileSync(new URL("schema.sql", import.meta.url), "utf8");
const DIRECT_PASSWORD = "direct-and-known-to-the-test";
const ROLES = `
  create role app_agent nologin;
  create role direct login password '${DIRECT_PASSWORD}' in role app_agent;
  grant select, insert, delete on people, notes, secrets to app_agent;`;

/** How many steps drivers have done through a gateway, all together. */
let stepsDone = 0;

interface Step {
  readonly step: string;
  readonly saw: unknown;
}

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version), concurrency: 2 }, () => {
    let world: World;
    let gateway: GatewayProcess;
    before(async () => {
      world = await startDriverWorld(version);
      gateway = startGateway(world);
      await gateway.listener("people");
    });
    after(async () => {
      await gateway?.[Symbol.asyncDispose]();
      await world?.[Symbol.asyncDispose]();
    });

    for (const driver of drivers)
      test(`${driver.name} sees what it sees without a gateway`, {
        skip: driver.missing ?? false,
      }, async (t) => {
        const { port } = await gateway.listener("people");
        const token = await world.issuer.issue("agent", AUDIENCE);
        const [direct, through] = await Promise.all([
          steps(driver, world, {
            port: world.server.port,
            user: "direct",
            password: DIRECT_PASSWORD,
            database: "alone",
          }),
          steps(driver, world, { port, user: "agent", password: token, database: "app" }),
        ]);
        assert.ok(direct.length >= 8, `${driver.name} has done too little: ${JSON.stringify(direct)}`);
        for (const name of Object.keys(driver.changed))
          assert.ok(
            direct.some(({ step }) => step === name),
            `${driver.name} has no step "${name}"`,
          );
        const expected = direct.map(({ step, saw }) => ({ step, saw: driver.changed[step] ?? saw }));
        assert.deepEqual(through, expected);
        stepsDone += through.length;
        t.diagnostic(`figure drivers.steps=${stepsDone}`);
        assert.deepEqual(await notesOf(world, driver, "app"), await expectedNotes(world, driver));
      });

    test("psql on a unix socket, with neither password nor TLS, sees the same", {
      skip: psql.missing ?? false,
    }, async () => {
      const direct = await steps(psql, world, {
        host: world.server.socketFolder,
        port: world.server.port,
        user: "direct",
        database: "alone",
        notesOf: "psql on a socket",
      });
      const through = await steps(psql, world, {
        host: agentFolder(world),
        port: 5432,
        user: "agent",
        database: "app",
        notesOf: "psql on a socket",
      });
      assert.deepEqual(
        through,
        direct.map(({ step, saw }) => ({ step, saw: psql.changed[step] ?? saw })),
      );
    });
  });

async function startDriverWorld(version: 15 | 18): Promise<World> {
  const authority = makeAuthority();
  const world = await startWorld({
    version,
    authority,
    certificate: authority.issue("127.0.0.1", "localhost"),
    database: "app",
    template: "app_agent",
    schema: SCHEMA + ROLES,
    settings: { max_connections: "60" },
  });
  {
    await using root = await connect(world.server);
    await root.query("create database alone");
  }
  {
    await using alone = await connect(world.server, { database: "alone" });
    await alone.query(SCHEMA);
    await alone.query("grant select, insert, delete on people, notes, secrets to app_agent");
  }
  const names = { namespace: "test", name: "people", database: "app", template: "app_agent" };
  await world.write("connection.yaml", mintedConnection(world, names));
  await world.write("provider.yaml", identityProvider(world.issuer, "world"));
  await world.write("policy.yaml", POLICY);
  await world.write("introspection.yaml", introspectionFor("people"));
  const shown = authority.issue("127.0.0.1", "localhost");
  await world.write("gateway.yaml", await gatewayKind(world, shown));
  return world;
}

const POLICY = `
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: people, namespace: test }
spec:
  subjects: [{ oidc: { provider: world, claims: { sub: agent } } }]
  connections: { names: [people] }
  allow:
    - name: work
      postgres:
        statements: [read, insert, delete, copyIn, copyOut]
        tables: [public.people, public.notes, public.secrets]
        functions: [pg_catalog.pg_sleep]
  deny:
    - name: no-secrets
      reason: Nobody reads this table.
      postgres: { tables: [public.secrets] }
  mask:
    - postgres: { columns: [public.people.email] }
`;

async function gatewayKind(
  world: World,
  { certPem, keyPem }: { readonly certPem: string; readonly keyPem: string },
): Promise<string> {
  const certificate = await world.writeSecret("tls.crt", certPem);
  const key = await world.writeSecret("tls.key", keyPem);
  const token = await world.writeSecret("token", await world.issuer.issue("agent", AUDIENCE));
  await mkdir(agentFolder(world), { mode: 0o700 });
  return `
apiVersion: sallyport.dev/v1alpha1
kind: Gateway
metadata: { name: test }
spec:
  listeners:
    - name: local
      connection: { namespace: test, name: people }
      socket: ${agentFolder(world)}/.s.PGSQL.5432
      identity: { ambient: { tokenFile: ${token} } }
    - name: people
      connection: { namespace: test, name: people }
      address: { host: 127.0.0.1, port: 0 }
      identity: { perClient: { providers: [world] } }
      tls: { certificate: ${certificate}, key: ${key} }
`;
}

interface Where {
  /** A folder: the socket in it. Left out: this machine, over TCP and TLS. */
  readonly host?: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  readonly notesOf?: string;
  readonly database: string;
}

async function steps(
  { command: [file, ...words] }: Driver,
  world: World,
  where: Where,
): Promise<readonly Step[]> {
  const { stdout } = await run(file, words, {
    cwd: PROGRAMS,
    timeout: DRIVER_MS_MAX,
    maxBuffer: 16 * 1024 * 1024,
    env: {
      PATH: process.env["PATH"] ?? "",
      LANG: "C.UTF-8",
      PGHOST: where.host ?? "127.0.0.1",
      PGPORT: String(where.port),
      PGUSER: where.user,
      ...(where.password === undefined ? {} : { PGPASSWORD: where.password }),
      ...(where.notesOf === undefined ? {} : { NOTES_OF: where.notesOf }),
      PGDATABASE: where.database,
      PGSSLMODE: "verify-full",
      PGSSLROOTCERT: world.authorityFile,
    },
  });
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Step);
}

/** What has arrived in the database. Writes of transactions that met a refusal must not have. */
async function notesOf(world: World, { name }: Driver, database: string): Promise<readonly unknown[]> {
  await using root = await connect(world.server, { database });
  return await root.query("select n, body from notes where driver = $1 order by n", [name]);
}

/** Row 800 is written in a transaction that is refused something later: alone it is kept, behind a gateway never. */
async function expectedNotes(world: World, driver: Driver): Promise<readonly unknown[]> {
  const alone = await notesOf(world, driver, "alone");
  return alone.filter((row) => (row as { n: number }).n !== 800);
}
