/** Connections without a credential, on a real server that trusts whoever reaches it: whose role, database and settings it gets. */
import assert from "node:assert/strict";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import pg from "pg";
import { serverAccount } from "#tools/postgres/account.ts";
import { connect } from "#tools/postgres/client.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { Q, wireClient } from "#test/postgres/support/wire.ts";
import { refusedWith } from "./support/clients.ts";
import { type Rig, startRig } from "./support/in-process.ts";
import { policy } from "./support/kinds.ts";

const HOSTS = `
local all all               trust
host  all asked 127.0.0.1/32 scram-sha-256
host  all all   127.0.0.1/32 trust
`;
const ANY = [policy({ allow: [{ name: "any", postgres: { statements: ["any"] } }] })];
const READ = [
  policy({ allow: [{ name: "read", postgres: { statements: ["read"], tables: ["public.*"] } }] }),
];

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version} that trusts`, { skip: skipWithoutPostgres(version, 18) }, () => {
    let server: PostgresServer;
    let folder = "";
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), "sallyport-trust-"));
      const { uid, gid } = serverAccount();
      chownSync(folder, uid, gid);
      writeFileSync(join(folder, "hosts"), HOSTS);
      chownSync(join(folder, "hosts"), uid, gid);
      server = await startPostgres({ version, tcp: true, settings: { hba_file: join(folder, "hosts") } });
      await using root = await connect(server);
      await root.query(`CREATE ROLE app LOGIN; CREATE ROLE carol LOGIN; CREATE ROLE asked LOGIN PASSWORD 'canary';
        CREATE TABLE orders (id int); GRANT SELECT ON orders TO public`);
      await root.query("CREATE DATABASE carol");
      await root.query("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    });
    after(async () => {
      await server?.[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    const rigFor = (
      context: TestContext,
      postgres: object,
      policies: readonly object[] = ANY,
    ): Promise<Rig> =>
      startRig(context, {
        policies,
        connection: {
          address: { host: "127.0.0.1", port: server.port },
          credential: { mode: "none" },
          postgres,
        },
      });

    test("as requested: role, database, options and parameters are the client's", async (context) => {
      const rig = await rigFor(context, { user: "asRequested" });
      const whoever = { user: "carol", database: "postgres" };
      const as = "select current_user, session_user, current_database()";
      assert.deepEqual(await told(rig, whoever, as), ["carol", "carol", "postgres"]);
      assert.deepEqual(await told(rig, { user: "postgres", database: "carol" }, as), [
        "postgres",
        "postgres",
        "carol",
      ]);
      // As PostgreSQL has it, the database of that name.
      assert.deepEqual(await told(rig, { user: "carol" }, as), ["carol", "carol", "carol"]);
      const options = "-c geqo=off -c backslash_quote=on --search-path=other";
      assert.deepEqual(
        await told(
          rig,
          { ...whoever, options },
          "select current_setting('geqo') as a, current_setting('backslash_quote') as b, current_setting('search_path') as c",
        ),
        ["off", "on", "other"],
      );
      assert.deepEqual(await told(rig, { ...whoever, user: "postgres", options: "-c role=carol" }, as), [
        "carol",
        "postgres",
        "postgres",
      ]);
    });

    test("as requested: what the server says goes to the client in the server's names", async (context) => {
      const rig = await rigFor(context, { user: "asRequested" });
      const failed = told(rig, { user: "carol", database: "postgres" }, "drop table orders; select 'carol'");
      await assert.rejects(failed, /must be owner of table orders/);
      const raised = told(
        rig,
        { user: "carol", database: "postgres" },
        "do $$ begin raise 'of carol'; end $$",
      );
      await assert.rejects(raised, /of carol/);
      await refusedWith(
        told(rig, { user: "nobody_here", database: "postgres" }, "select 1"),
        "CREDENTIAL_REFUSED",
      );
    });

    test("a setting under which texts mean something else leaves only policies that read none", async (context) => {
      const starts = [
        { options: "-c standard_conforming_strings=off" },
        { options: "-c role=app" },
        // Nobody asks for UTF-8 there, so the database's own encoding it is.
        { database: "latin" },
        { client_encoding: "LATIN1" },
      ];
      const any = await rigFor(context, { user: "asRequested" });
      const reading = await rigFor(context, { user: "asRequested" }, READ);
      for (const start of starts) {
        const parameters = { user: "postgres", database: "postgres", ...start };
        for (const [{ port }, answer] of [
          [any, "T D C(SELECT 1) Z(I)"],
          [reading, "E(42501) Z(I)"],
        ] as const) {
          const client = await wireClient(port, { parameters });
          assert.equal(await client.talk(Q("select 1::text")), answer, JSON.stringify(start));
          client.close();
        }
      }
      assert.deepEqual(
        await told(reading, { user: "app", database: "postgres" }, "select count(*)::text from orders"),
        ["0"],
      );
    });

    test("as requested, on one database: others are refused", async (context) => {
      const rig = await rigFor(context, { user: "asRequested", database: "postgres" });
      const where = "select current_database()";
      assert.deepEqual(await told(rig, { user: "carol", database: "postgres" }, where), ["postgres"]);
      assert.deepEqual(await told(rig, { user: "carol" }, where), ["postgres"]);
      await refusedWith(told(rig, { user: "carol", database: "latin" }, where), "DENY_UNKNOWN_CONNECTION");
    });

    test("no credential and a named role: it is that role, and settings are held to what is safe", async (context) => {
      const rig = await rigFor(context, { user: "app", database: "postgres" });
      assert.deepEqual(await told(rig, { user: "carol", database: "postgres" }, "select current_user"), [
        "app",
      ]);
      const unsafe = { user: "carol", database: "postgres", options: "-c role=postgres" };
      await refusedWith(told(rig, unsafe, "select 1"), "NOT_SUPPORTED");
      const events = await rig.events();
      // Before a lease was asked for.
      assert.equal(events.filter(({ action }) => action === "leased").length, 1);
      await refusedWith(
        told(rig, { user: "carol", database: "latin" }, "select 1"),
        "DENY_UNKNOWN_CONNECTION",
      );
    });

    test("an upstream that asks for a credential all the same gets none", async (context) => {
      const rig = await rigFor(context, { user: "asRequested" });
      const told_ = await refusedWith(
        told(rig, { user: "asked", database: "postgres" }, "select 1"),
        "CREDENTIAL_UNAVAILABLE",
      );
      assert.match(told_.message, /asks for a credential/);
    });

    test("with a credential, an upstream that asks for none is not believed", async (context) => {
      const rig = await startRig(context, {
        policies: ANY,
        connection: {
          address: { host: "127.0.0.1", port: server.port },
          postgres: { user: "app", database: "postgres" },
        },
      });
      await refusedWith(told(rig, { user: "carol", database: "postgres" }, "select 1"), "UPSTREAM_UNTRUSTED");
    });
  });

type Start = { readonly user: string; readonly database?: string; readonly options?: string };

/** The first row of what a client of its own is told. */
async function told({ port }: Rig, start: Start, text: string): Promise<readonly unknown[]> {
  const client = new pg.Client({ host: "127.0.0.1", port, database: "", ...start });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return Object.values((await client.query({ text })).rows[0] ?? {});
  } finally {
    await client.end();
  }
}
