/** Real clients, unchanged, with nothing but a host and a port. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import pg, { type QueryResult } from "pg";
import postgres from "postgres";
import { createSecureContext } from "node:tls";
import { connect as connectAdmin } from "#tools/postgres/client.ts";
import { startPostgres, type PostgresServer } from "#tools/postgres/server.ts";
import { makeAuthority } from "#test/support/certificates.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { denyForbidden, type Gateway, startGateway } from "./support/gateway.ts";

const run = promisify(execFile);
const PSQL = ["/usr/bin/psql", "/usr/local/bin/psql", "/opt/homebrew/bin/psql"].find((path) =>
  existsSync(path),
);
const TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln";

const rowsOf = (result: QueryResult | QueryResult[]): readonly unknown[] =>
  Array.isArray(result) ? assert.fail("one statement gives one result") : result.rows;

function skipWithoutPsql(): string | false {
  if (PSQL !== undefined) return false;
  if (process.env["CI"] === "true") throw new Error("psql is not installed");
  return "psql is not installed (package postgresql-client)";
}

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    const authority = makeAuthority();
    const own = authority.issue("DNS:localhost");
    let server: PostgresServer;
    let gateway: Gateway;
    let secure: Gateway;
    before(async () => {
      server = await startPostgres({ version, tcp: true });
      gateway = await startGateway({ server, judge: denyForbidden });
      const tls = createSecureContext({ cert: own.certPem, key: own.keyPem });
      secure = await startGateway({ server, judge: denyForbidden, tls, identity: "perClient" });
      await using admin = await connectAdmin({ socketFolder: server.socketFolder, port: server.port });
      await admin.query(
        "create table forbidden (n int); create table items (id int primary key, tags text[], at timestamptz)",
      );
    });
    after(async () => {
      await gateway?.[Symbol.asyncDispose]();
      await secure?.[Symbol.asyncDispose]();
      await server?.[Symbol.asyncDispose]();
    });

    test("node-postgres: simple, with parameters, named, transactions, and errors it can branch on", async () => {
      const client = new pg.Client({
        host: "127.0.0.1",
        port: gateway.port,
        user: "agent",
        database: "postgres",
      });
      await client.connect();
      try {
        assert.deepEqual(rowsOf(await client.query("select 1 as n")), [{ n: 1 }]);
        assert.deepEqual((await client.query("select $1::int + 1 as n", [41])).rows, [{ n: 42 }]);
        for (const n of [1, 2])
          assert.deepEqual(
            (await client.query({ name: "named", text: "select $1::int as n", values: [n] })).rows,
            [{ n }],
          );
        await client.query("begin");
        await client.query("insert into items values ($1, $2, now())", [1, ["a", "b"]]);
        await assert.rejects(client.query("select * from forbidden"), { code: "42501", severity: "ERROR" });
        await assert.rejects(client.query("select 1"), { code: "25P02" });
        await client.query("rollback");
        assert.deepEqual(rowsOf(await client.query("select count(*)::int as n from items")), [{ n: 0 }]);
        assert.deepEqual((await client.query({ text: "select 7 as n", binary: true })).rows, [{ n: 7 }]);
        await assert.rejects(client.query("selec"), { code: "42601" });
      } finally {
        await client.end();
      }
    });

    test("postgres.js: pipelines, cursors, COPY both ways, LISTEN, cancel", async () => {
      const sql = postgres({
        host: "127.0.0.1",
        port: gateway.port,
        user: "agent",
        database: "postgres",
        max: 2,
        onnotice: () => undefined,
      });
      try {
        const many = await Promise.all(Array.from({ length: 20 }, (_, n) => sql`select ${n}::int as n`));
        assert.deepEqual(
          many.map(([row]) => row?.["n"]),
          Array.from({ length: 20 }, (_, n) => n),
        );
        await assert.rejects(sql`select * from forbidden`, { code: "42501" });
        const seen: number[] = [];
        await sql`select generate_series(1, 7)::int as n`.cursor(
          3,
          (rows) => void seen.push(...rows.map((row) => Number(row["n"]))),
        );
        assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7]);
        await sql.begin((tx) => tx`insert into items values (5, ${["x"]}, now())`);
        const writable = await sql`copy items (id) from stdin`.writable();
        await new Promise<void>((resolve, reject) => {
          writable.on("error", reject);
          writable.on("finish", resolve);
          writable.end("6\n7\n");
        });
        const out: Buffer[] = [];
        for await (const chunk of await sql`copy (select id from items order by id) to stdout`.readable())
          out.push(chunk as Buffer);
        assert.equal(Buffer.concat(out).toString(), "5\n6\n7\n");
        await sql`delete from items`;
        const running = sql`select pg_sleep(60)`;
        const cancelled = assert.rejects(running, { code: "57014" });
        setTimeout(() => running.cancel(), 50);
        await cancelled;
        const heard = new Promise((resolve) => void sql.listen("news", resolve));
        await sql`select 1`;
        const poll = setInterval(() => void sql.notify("news", "hello"), 50);
        assert.equal(await heard, "hello");
        clearInterval(poll);
      } finally {
        await sql.end();
      }
    });

    test("node-postgres over TLS with a token for its password", async () => {
      const client = new pg.Client({
        host: "localhost",
        port: secure.port,
        user: "agent",
        database: "postgres",
        password: TOKEN,
        ssl: { ca: authority.certPem },
      });
      await client.connect();
      try {
        assert.deepEqual((await client.query("select $1::text as n", ["through"])).rows, [{ n: "through" }]);
        await assert.rejects(client.query("select * from forbidden"), { code: "42501" });
      } finally {
        await client.end();
      }
    });

    describe("psql", { skip: skipWithoutPsql() }, () => {
      const psql = async (uri: string, ...commands: string[]): Promise<string> => {
        const flags = commands.flatMap((command) => ["-c", command]);
        const env = { PATH: process.env["PATH"], PGPASSWORD: TOKEN };
        const result = await run(PSQL ?? "psql", ["-X", "-A", "-t", ...flags, uri], { env }).catch(
          (error: { stdout: string; stderr: string }) => error,
        );
        return `${result.stdout}${result.stderr}`;
      };
      const plain = (): string => `postgresql://agent@127.0.0.1:${gateway.port}/postgres?sslmode=disable`;

      test("queries, transactions, \\copy both ways and meta-commands", async () => {
        assert.equal(await psql(plain(), "select 1", "begin; select 2; commit"), "1\nBEGIN\n2\nCOMMIT\n");
        assert.match(await psql(plain(), "\\d items"), /id\|integer/);
        assert.equal(await psql(plain(), "\\copy (select 7) to stdout"), "7\n");
      });

      test("a refusal says code, detail and hint, and the next command runs", async () => {
        const shown = await psql(plain(), "\\set VERBOSITY verbose", "select * from forbidden", "select 3");
        assert.match(shown, /ERROR: {2}42501: the table forbidden is not for agents/);
        assert.match(shown, /DETAIL: {2}Refused by the gateway: DENY_RULE, rule test\/rule\./);
        assert.match(shown, /HINT: {2}Whoever owns/);
        assert.match(shown, /^3$/m);
      });

      test("TLS with a token, and sslmode=prefer against a gateway without TLS", async () => {
        assert.equal(
          await psql(`postgresql://agent@localhost:${secure.port}/postgres?sslmode=require`, "select 4"),
          "4\n",
        );
        assert.equal(
          await psql(`postgresql://agent@127.0.0.1:${gateway.port}/postgres?sslmode=prefer`, "select 5"),
          "5\n",
        );
        assert.match(
          await psql(`postgresql://agent@localhost:${secure.port}/postgres?sslmode=disable`, "select 6"),
          /FATAL: {2}this listener takes identities over TLS only/,
        );
      });
    });
  });
