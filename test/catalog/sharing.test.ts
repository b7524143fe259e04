/** Many sessions, one reading; bounded in rows, bytes, connections and time. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { databaseCatalogs } from "#sidecar/protocols/postgres/catalog/catalogs.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { connect, type Session } from "#tools/postgres/client.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { mask } from "./support/world.ts";
import { open, openingFor } from "./support/opening.ts";

const RELATIONS = 20_000;
const PER_TRANSACTION = 2_000;
const EMAIL = [mask("public.people.email")];

describe("PostgreSQL 18", { skip: skipWithoutPostgres(18) }, () => {
  let server: PostgresServer;
  let admin: Session;
  before(async () => {
    server = await startPostgres({ version: 18, tcp: true });
    admin = await connect(server);
    await admin.query(`create table people (id int, email text); create view v as select * from people;
      create role one login password 'one'; create role two login password 'two'`);
  });
  after(async () => {
    await admin?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });
  const sideConnections = async (): Promise<number> => {
    const [row] = await admin.query(
      "select count(*)::int as n from pg_stat_activity where application_name = 'sallyport:side'",
    );
    return Number(row?.["n"]);
  };
  const untilClosed = async (): Promise<void> => {
    while ((await sideConnections()) > 0) await pause(10);
  };

  test("fifty sessions that begin at once read once, over one connection that closes when idle", async () => {
    await using catalogs = databaseCatalogs({ idleMs: 50 });
    const opened = openingFor(server);
    const sessions = await Promise.all(Array.from({ length: 50 }, () => open(catalogs, opened)));
    assert.equal(opened.logins(), 0);
    await Promise.all(sessions.map((session) => session.ready([])));
    assert.equal(opened.logins(), 1);
    assert.equal(new Set(sessions.map(({ names }) => names)).size, 1);
    assert.equal(sessions[0]?.names.hasRelation("public", "people"), true);
    await untilClosed();
    for (const session of sessions) await session[Symbol.asyncDispose]();
  });

  test("the last session that leaves takes the connection along", async () => {
    await using catalogs = databaseCatalogs();
    const session = await open(catalogs, openingFor(server));
    await session.ready([]);
    assert.equal(await sideConnections(), 1);
    await session[Symbol.asyncDispose]();
    await untilClosed();
  });

  test("a connection that the server has closed meanwhile is replaced without a word", async () => {
    await using catalogs = databaseCatalogs();
    const opened = openingFor(server);
    const session = await open(catalogs, opened);
    await session.ready([]);
    await admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sallyport:side'",
    );
    await untilClosed();
    session.changed(undefined);
    session.transactionEnded();
    await session.ready([]);
    assert.equal(session.names.problem, undefined);
    assert.equal(opened.logins(), 2);
  });

  test("roles that see the same hold the same object; what is unchanged stays the same object", async () => {
    await using catalogs = databaseCatalogs();
    const one = await open(catalogs, openingFor(server, { user: "one", password: "one" }));
    const two = await open(catalogs, openingFor(server, { user: "two", password: "two" }));
    await one.ready([]);
    await two.ready([]);
    assert.equal(one.names, two.names);
    const { names, version } = one;
    one.changed(undefined);
    one.transactionEnded();
    await one.ready([]);
    assert.equal(one.names, names);
    assert.ok(one.version > version);
    await admin.query(
      "create schema secret; create table secret.t (id int); grant usage on schema secret to one",
    );
    for (const session of [one, two]) {
      session.changed(undefined);
      session.transactionEnded();
      await session.ready([]);
    }
    assert.equal(one.names.hasRelation("secret", "t"), true);
    assert.equal(two.names.hasRelation("secret", "t"), undefined);
    assert.equal(two.names.hasRelation("secret", "u"), false);
  });

  test("masks of one session are read for all that share it", async () => {
    await using catalogs = databaseCatalogs();
    const opened = openingFor(server);
    const plain = await open(catalogs, opened);
    await plain.ready([]);
    const masked = await open(catalogs, opened);
    await masked.ready(EMAIL);
    assert.equal(masked.ready(EMAIL), undefined);
    assert.equal(plain.ready([]), undefined);
    assert.equal(plain.ready(EMAIL), undefined);
  });

  test("a server that is older than every stock is refused, one that is newer is judged by the newest", async () => {
    await using catalogs = databaseCatalogs();
    const old = await catalogs.open(openingFor(server, { version: "14.12 (Debian)" }).opening);
    assert.ok(isRefusal(old) && old.code === "NOT_SUPPORTED");
    assert.ok(isRefusal(await catalogs.open(openingFor(server, { version: "devel" }).opening)));
    const newer = await open(catalogs, openingFor(server, { version: "19beta1" }));
    await admin.query(`set allow_system_table_mods to on;
      create function pg_catalog.of_version_19(text) returns text language internal immutable as 'upper'`);
    await newer.ready([]);
    assert.equal(newer.names.functionHarm(undefined, "lower", []), "harmless");
    assert.equal(newer.names.functionHarm(undefined, "pg_sleep", []), "unknown");
    assert.equal(newer.names.functionHarm(undefined, "of_version_19", []), "unknown");
    assert.equal(newer.names.operatorHarm(undefined, "=", []), "harmless");
    assert.equal(newer.names.typeHarm(undefined, "text", []), "harmless");
  });

  test("twenty thousand relations are read in bounded time and memory, or not at all", async (t) => {
    for (let at = 0; at < RELATIONS; at += PER_TRANSACTION)
      await admin.query(`do $$ begin for n in ${at}..${at + PER_TRANSACTION - 1} loop
        execute format('create table many_%s (id int, email text)', n); end loop; end $$`);
    await using catalogs = databaseCatalogs();
    const session = await open(catalogs, openingFor(server));
    const beganMs = performance.now();
    await session.ready(EMAIL);
    t.diagnostic(`figure catalog.read20000.ms=${Math.round(performance.now() - beganMs)}`);
    assert.equal(session.names.hasRelation("public", "many_19999"), true);
    assert.equal(session.names.hasRelation("public", "many_20000"), false);
    const everyMs = performance.now();
    await session.ready([mask("*.*.email")]);
    t.diagnostic(`figure catalog.read20000.everyColumn.ms=${Math.round(performance.now() - everyMs)}`);
    const limits = [
      { limits: { rowsMax: 10_000, bytesMax: 1e9 }, why: /more than 10000 relations/ },
      { limits: { rowsMax: 1e6, bytesMax: 100_000 }, why: /larger than the gateway reads/ },
    ];
    for (const { limits: bounds, why } of limits) {
      await using small = databaseCatalogs({ limits: bounds });
      const bounded = await open(small, openingFor(server));
      await bounded.ready([]);
      assert.match(bounded.names.problem ?? "", why);
      assert.equal(bounded.names.functionHarm(undefined, "lower", []), "unknown");
    }
  });
});
