import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { connect } from "#tools/postgres/client.ts";
import type { PostgresVersion } from "#tools/postgres/binaries.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { clock } from "./support/identity.ts";
import {
  type Database,
  leased,
  mintedRoles,
  signIn,
  startDatabase,
  startMinting,
} from "./support/upstream.ts";

const VERSIONS = [15, 18] as const satisfies readonly PostgresVersion[];

for (const version of VERSIONS) {
  describe(`minted roles on PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    const started = startDatabase(version);
    after(async () => (await started)[Symbol.asyncDispose]());
    scenarios(() => started);
  });
}

function scenarios(database: () => Promise<Database>): void {
  test("a role is there for a session and gone after it", async () => {
    const { upstream, root, folder } = await database();
    await using minting = await startMinting({ folder });
    const credential = await leased(minting.source, upstream);
    assert.match(credential.user, /^sp_orders_[0-9a-f]{10}_[0-9a-f]{8}$/);
    const [row] = await root.query(
      `SELECT r.*, shobj_description(r.oid, 'pg_authid') AS mark, r.rolvaliduntil - now() BETWEEN '14 min' AND '16 min' AS fits
         FROM pg_roles r WHERE rolname = '${credential.user}'`,
    );
    assert.equal(row?.["rolsuper"], false);
    assert.equal(row?.["rolcreaterole"], false);
    assert.equal(row?.["rolconnlimit"], 200);
    assert.equal(row?.["fits"], true);
    assert.match(
      String(row?.["mark"]),
      /"broker":"broker-a","connection":"shop\/orders","subject":"test\|agent"/,
    );
    using session = await signIn(upstream, credential);
    assert.deepEqual(await session.query("SELECT session_user AS s, current_user AS c"), [
      { s: credential.user, c: "orders_agent" },
    ]);
    credential.end("released");
    await minting.source.settled();
    assert.deepEqual(await mintedRoles(root), []);
    assert.deepEqual(minting.journal.pending(), []);
    await assert.rejects(session.query("SELECT 1"), /terminating connection|closed the connection/);
  });

  test("many subjects at once each get a role, a few connections at a time", async (context) => {
    const { upstream, root, folder } = await database();
    await using minting = await startMinting({ folder });
    const startedMs = performance.now();
    const subjects = Array.from({ length: 24 }, (_, index) => `test|agent-${index}`);
    const credentials = await Promise.all(
      subjects.map((subject) => leased(minting.source, upstream, { subject })),
    );
    const mintedMs = performance.now();
    assert.equal(new Set(credentials.map(({ user }) => user)).size, 24);
    assert.equal((await mintedRoles(root)).length, 24);
    for (const credential of credentials) credential.end("released");
    await minting.source.settled();
    const { version } = (await database()).server;
    context.diagnostic(`figure broker.mint-ms.pg${version}=${((mintedMs - startedMs) / 24).toFixed(1)}`);
    context.diagnostic(
      `figure broker.take-back-ms.pg${version}=${((performance.now() - mintedMs) / 24).toFixed(1)}`,
    );
    assert.deepEqual(await mintedRoles(root), []);
  });

  test("sessions of one subject share a role, another subject has its own and keeps it", async () => {
    const { upstream, root, folder } = await database();
    await using minting = await startMinting({ folder });
    const [one, two, other] = await Promise.all([
      leased(minting.source, upstream),
      leased(minting.source, upstream),
      leased(minting.source, upstream, { subject: "test|reporter" }),
    ]);
    assert.equal(one.user, two.user);
    assert.notEqual(one.user, other.user);
    using kept = await signIn(upstream, other);
    one.end("released");
    one.end("released");
    await minting.source.settled();
    using still = await signIn(upstream, two);
    assert.equal((await still.query("SELECT 1 AS one"))[0]?.["one"], "1");
    two.end("revoked");
    await minting.source.settled();
    assert.deepEqual(await mintedRoles(root), [other.user]);
    assert.equal((await kept.query("SELECT 1 AS one"))[0]?.["one"], "1");
    const again = await leased(minting.source, upstream);
    assert.notEqual(again.user, one.user);
  });

  test("a role that was released lingers for the next session, a revoked one does not", async () => {
    const { upstream, root, folder } = await database();
    const time = clock();
    await using minting = await startMinting({ folder, time, lingerMs: 10_000 });
    const first = await leased(minting.source, upstream);
    first.end("released");
    time.ms += 9_999;
    minting.source.sweep([upstream]);
    const second = await leased(minting.source, upstream);
    assert.equal(second.user, first.user);
    second.end("released");
    time.ms += 10_000;
    minting.source.sweep([upstream]);
    await minting.source.settled();
    assert.deepEqual(await mintedRoles(root), []);
    const third = await leased(minting.source, upstream);
    third.end("revoked");
    await minting.source.settled();
    assert.deepEqual(await mintedRoles(root), []);
  });

  test("everything a session made, in any database, is the template's when its role is gone", async () => {
    const { upstream, root, folder, server } = await database();
    await using minting = await startMinting({ folder });
    const credential = await leased(minting.source, upstream);
    {
      using session = await signIn(upstream, credential);
      await session.query("CREATE SCHEMA made; CREATE TABLE made.as_template (id int)");
      await session.query("SET ROLE NONE");
      await session.query(
        "CREATE SCHEMA own; CREATE TABLE own.as_role (id int); CREATE TYPE own.mood AS ENUM ('good')",
      );
      await session.query(
        "CREATE FUNCTION own.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT pg_catalog.lo_create(0)",
      );
      await session.query(
        "GRANT SELECT ON own.as_role TO PUBLIC; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
      );
      await session.query("CREATE TEMP TABLE scratch (id int)");
      using elsewhere = await signIn(upstream, credential, "other");
      await elsewhere.query("SET ROLE NONE");
      await elsewhere.query("CREATE SCHEMA own; CREATE TABLE own.elsewhere (id int)");
      // A transaction that holds what must be dropped.
      await session.query("BEGIN");
      await session.query("LOCK TABLE own.as_role");
    }
    {
      using owner = await signIn(upstream, credential);
      await owner.query(`GRANT SELECT ON made.as_template TO ${credential.user}`);
    }
    credential.end("released");
    await minting.source.settled();
    assert.deepEqual(await mintedRoles(root), [], JSON.stringify(minting.notes));
    for (const [name, tables] of [
      ["orders", ["made.as_template", "own.as_role"]],
      ["other", ["own.elsewhere"]],
    ] as const) {
      await using inside = await connect(server, { database: name });
      for (const table of tables) {
        const [row] = await inside.query(
          `SELECT relowner::regrole::text AS owner FROM pg_class WHERE oid = '${table}'::regclass`,
        );
        assert.equal(row?.["owner"], "orders_agent", table);
      }
      await inside.query("DROP SCHEMA IF EXISTS made CASCADE; DROP SCHEMA own CASCADE");
    }
  });

  test("a role is renewed while it is held and refused by the server itself after its end", async () => {
    const { upstream, root, folder } = await database();
    const time = clock();
    await using minting = await startMinting({ folder, time });
    const short = { ...upstream.spec.credential.source?.postgresRole, ttlSeconds: 60 } as never;
    const brief = {
      ...upstream,
      spec: { ...upstream.spec, credential: { mode: "minted", source: { postgresRole: short } } },
    } as typeof upstream;
    const credential = await leased(minting.source, brief);
    assert.equal(credential.validUntilMs, time.ms + 60_000);
    const until = async () =>
      (
        await root.query(
          `SELECT rolvaliduntil AS u, rolconnlimit AS n FROM pg_roles WHERE rolname = '${credential.user}'`,
        )
      )[0];
    const first = await until();
    assert.equal(await credential.extend(time.ms + 20_000, AbortSignal.timeout(30_000)), undefined);
    assert.deepEqual(await until(), first);
    time.ms += 40_000;
    assert.equal(await credential.extend(time.ms + 300_000, AbortSignal.timeout(30_000)), undefined);
    assert.equal(credential.validUntilMs, time.ms + 60_000);
    assert.ok(((await until())?.["u"] as Date) > (first?.["u"] as Date));
    const more = await leased(minting.source, brief, { concurrentSessionsMax: 500 });
    assert.equal((await until())?.["n"], 1000);
    more.end("released");
    using open = await signIn(brief, credential);
    await root.query(`ALTER ROLE ${credential.user} VALID UNTIL '2020-01-01'`);
    await assert.rejects(signIn(brief, credential), /does not know the minted role by its key any more/);
    assert.equal((await open.query("SELECT 1 AS one"))[0]?.["one"], "1");
  });

  test("the broker notices when a role was given another password, and that is why `any` is a lint error", async () => {
    const { upstream, root, folder } = await database();
    await using minting = await startMinting({ folder });
    const credential = await leased(minting.source, upstream);
    {
      using session = await signIn(upstream, credential);
      // As the template it may not; but every session can step back to what it signed in as, inside DO too.
      await assert.rejects(
        session.query(`ALTER ROLE ${credential.user} PASSWORD 'mine'`),
        /permission denied|must have/,
      );
      await session.query(
        `SET ROLE NONE; DO $$ BEGIN EXECUTE 'ALTER ROLE CURRENT_USER PASSWORD ''mine'''; END $$`,
      );
    }
    await assert.rejects(signIn(upstream, credential), /does not know the minted role by its key/);
    credential.end("revoked");
    await minting.source.settled();
    assert.deepEqual(await mintedRoles(root), []);
  });

  test("a role that cannot go yet is locked out, and goes when what holds it is gone", async () => {
    const { upstream, root, folder } = await database();
    const time = clock();
    await using minting = await startMinting({ folder, time });
    const credential = await leased(minting.source, upstream);
    using session = await signIn(upstream, credential);
    // Somebody with more rights than the minter gave it something.
    await root.query(`GRANT CREATE ON DATABASE postgres TO ${credential.user}`);
    credential.end("revoked");
    await minting.source.settled();
    await assert.rejects(session.query("SELECT 1"));
    assert.deepEqual(await mintedRoles(root), [credential.user]);
    const [row] = await root.query(
      `SELECT rolcanlogin, rolpassword FROM pg_authid WHERE rolname = '${credential.user}'`,
    );
    assert.deepEqual(row, { rolcanlogin: false, rolpassword: null });
    assert.match(String(minting.notes.at(-1)?.[1]["cause"]), /privileges for database postgres/);
    assert.equal(minting.journal.pending().length, 1);
    await root.query(`REVOKE CREATE ON DATABASE postgres FROM ${credential.user}`);
    minting.source.sweep([upstream]);
    await minting.source.settled();
    assert.deepEqual(await mintedRoles(root), [credential.user]);
    time.ms += 1_000;
    minting.source.sweep([upstream]);
    await minting.source.settled();
    assert.deepEqual(await mintedRoles(root), []);
    assert.deepEqual(minting.journal.pending(), []);
  });

  test("templates that would hand over more than they should are refused, and leave no role behind", async () => {
    const { upstream, root, folder } = await database();
    await root.query("CREATE ROLE strong NOLOGIN CREATEROLE; CREATE ROLE open_door LOGIN");
    await root.query("GRANT strong, open_door TO sallyport_minter WITH ADMIN OPTION");
    await using minting = await startMinting({ folder });
    const source = upstream.spec.credential.source?.postgresRole;
    for (const [template, why] of [
      ["strong", /may make roles/],
      ["open_door", /may log in/],
      ["nobody", /there is no role nobody/],
      ["x'; DROP ROLE minter; --", /there is no role/],
    ] as const) {
      const postgresRole = { ...source, template } as NonNullable<typeof source>;
      const wrong = {
        ...upstream,
        spec: { ...upstream.spec, credential: { mode: "minted" as const, source: { postgresRole } } },
      };
      const answer = await minting.source.lease(
        { upstream: wrong, subject: "x", untilMs: 0 },
        AbortSignal.timeout(30_000),
      );
      assert.ok("code" in answer && answer.code === "CREDENTIAL_UNAVAILABLE");
      assert.match(answer.publicText, /postgresRole\.template/);
      assert.match(String(minting.notes.at(-1)?.[1]["cause"] ?? minting.notes.at(-2)?.[1]["cause"]), why);
    }
    await minting.source.settled();
    assert.deepEqual(await mintedRoles(root), []);
    assert.deepEqual(minting.journal.pending(), []);
  });
}
