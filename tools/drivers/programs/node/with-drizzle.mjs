/**
 * Drizzle ORM over node-postgres, unchanged. Plain JavaScript: its typings speak of drivers for other databases, which are not
 * installed.
 */
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import { eq, relations, sql } from "drizzle-orm";
import { integer, pgEnum, pgTable, text, numeric, jsonb, uuid, timestamp } from "drizzle-orm/pg-core";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { AUTHORITY, SIDE, SOCKET_FOLDER, ask, attempt, numbers, port, run, versionOf } from "./common.ts";
import { gate } from "./gate.ts";

const DRIVER = "drizzle";
const WORKERS = 6;
const EACH = 40;

const notes = pgTable("notes", { driver: text().notNull(), n: integer().notNull(), body: text() });
const people = pgTable("people", {
  id: integer().primaryKey(),
  name: text().notNull(),
  balance: numeric({ precision: 10, scale: 2 }).notNull(),
  joined: timestamp({ withTimezone: true }).notNull(),
  profile: jsonb().notNull(),
  tags: text().array().notNull(),
  key: uuid().notNull(),
});
const mood = pgEnum("mood", ["calm", "busy"]);
const offices = pgTable("offices", { id: integer().primaryKey(), mood: mood().notNull() });
const authors = pgTable("authors", {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  driver: text().notNull(),
  name: text().notNull(),
});
const books = pgTable("books", {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  authorId: integer("author_id").notNull(),
  title: text().notNull(),
  pages: integer(),
});
const authorRelations = relations(authors, ({ many }) => ({ books: many(books) }));
const bookRelations = relations(books, ({ one }) => ({
  author: one(authors, { fields: [books.authorId], references: [authors.id] }),
}));
const schema = { notes, people, offices, authors, books, authorRelations, bookRelations };

async function withDb(changed, use) {
  const pool = new pg.Pool({ ...SIDE, ssl: { ca: AUTHORITY }, max: 1, ...changed });
  // A connection that is lost while it is in use tells whoever uses it; unheard, it would end the process too.
  pool.on("error", () => undefined).on("connect", (client) => client.on("error", () => undefined));
  try {
    return await use(drizzle({ client: pool, schema }));
  } finally {
    await pool.end();
  }
}

const mine = eq(notes.driver, DRIVER);
const clear = (db) => db.delete(notes).where(mine);
const kept = (db) => db.select({ n: notes.n, body: notes.body }).from(notes).where(mine).orderBy(notes.n);
const row = (n, body) => ({ driver: DRIVER, n, body });
const over = (changed) => withDb(changed, async (db) => (await db.execute(sql`select 1 as one`)).rows);
const THE_DRIVER = "it leaves that to its driver, node-postgres";

const connecting = {
  "tls-disable": () => over({ ssl: false }),
  "tls-require": () => over({ ssl: { rejectUnauthorized: false } }),
  "tls-verify-full": () => over({}),
  "clear-on-loopback": () => over({ ssl: false, port: port("CLEAR") }),
  "unix-socket": () => over({ ssl: false, host: SOCKET_FOLDER, port: port("SOCKET"), password: undefined }),
};

const asking = {
  parameters: () =>
    withDb({ options: "-c TimeZone=UTC" }, (db) => db.select().from(people).where(eq(people.id, 5))),
  prepared: () =>
    withDb({}, async (db) => {
      const byId = db
        .select({ name: people.name })
        .from(people)
        .where(eq(people.id, sql.placeholder("id")))
        .prepare("by-id");
      const seen = [];
      for (const n of numbers(8)) seen.push(await byId.execute({ id: n + 1 }));
      return seen;
    }),
  types: () => withDb({}, (db) => db.select().from(offices).where(eq(offices.mood, "busy"))),
  "big-value": () =>
    withDb({}, async (db) => {
      await clear(db);
      await db.insert(notes).values(row(1, "x".repeat(8_000_000)));
      const [back] = await kept(db);
      await clear(db);
      return back.body.length;
    }),
  errors: () =>
    withDb({}, async (db) => {
      await clear(db);
      await db.insert(notes).values(row(1, ""));
      try {
        return await db.insert(notes).values(row(1, ""));
      } catch (error) {
        const { code, table, constraint, detail } = error.cause;
        return { code, table, constraint, detail, kind: error.constructor.name };
      }
    }),
  batch: () =>
    withDb({}, async (db) => {
      await clear(db);
      const back = await db
        .insert(notes)
        .values(numbers(500).map((n) => row(n, `row ${n}`)))
        .returning({ n: notes.n });
      return [back.length, (await kept(db)).length];
    }),
  "batch-error": () =>
    withDb({}, async (db) => {
      await clear(db);
      const rows = [1, 2, 3, 3, 4].map((n) => row(n, "row"));
      return [await attempt(db.insert(notes).values(rows)), await kept(db)];
    }),
};

const transactions = {
  transactions: () =>
    withDb({}, async (db) => {
      await clear(db);
      await db.transaction((tx) => tx.insert(notes).values(row(1, "kept")));
      const lost = db.transaction(async (tx) => {
        await tx.insert(notes).values(row(2, "lost"));
        await tx.execute(sql`select 1 / 0`);
      });
      return [await attempt(lost), await kept(db)];
    }),
  savepoints: () =>
    withDb({}, async (db) => {
      await clear(db);
      const twice = await db.transaction(async (tx) => {
        await tx.insert(notes).values(row(1, "kept"));
        const state = await attempt(tx.transaction((inner) => inner.insert(notes).values(row(1, "twice"))));
        await tx.transaction((inner) => inner.insert(notes).values(row(2, "kept")));
        return state;
      });
      return [twice, await kept(db)];
    }),
  isolation: () =>
    withDb({}, async (db) => {
      const options = { isolationLevel: "serializable", accessMode: "read only", deferrable: true };
      const level = (tx) => tx.execute(sql`show transaction_isolation`);
      return [
        (await db.transaction(level, options)).rows,
        await attempt(db.transaction((tx) => tx.insert(notes).values(row(9, "never")), options)),
      ];
    }),
};

const ending = {
  "statement-timeout": () =>
    withDb({ statement_timeout: 300 }, async (db) => [
      await attempt(db.execute(sql`select pg_sleep(60)`)),
      (await db.execute(sql`select 4 as four`)).rows,
    ]),
  "connection-lost": async () => {
    const state = await withDb({}, async (db) => {
      await clear(db);
      return await attempt(
        db.transaction(async (tx) => {
          await tx.insert(notes).values(row(1, "lost with its connection"));
          await ask("end all connections");
          await tx.execute(sql`select 1`);
        }),
      );
    });
    return [typeof state, await withDb({}, kept)];
  },
  "reconnect-under-load": () =>
    withDb({ max: WORKERS }, async (db) => {
      await clear(db);
      const gates = numbers(3).map(() => gate(WORKERS));
      const work = Promise.all(numbers(WORKERS).map((worker) => workAt(db, worker, gates)));
      for (const { full } of gates) {
        await full;
        await ask("end all connections");
      }
      await work;
      return (await kept(db)).length;
    }),
  "orm-relations": () =>
    withDb({}, async (db) => {
      await db.delete(authors).where(eq(authors.driver, DRIVER));
      const [wells] = await db
        .insert(authors)
        .values([
          { driver: DRIVER, name: "Wells" },
          { driver: DRIVER, name: "Nobody" },
        ])
        .returning();
      await db
        .insert(books)
        .values(numbers(20).map((n) => ({ authorId: wells.id, title: `Volume ${n}`, pages: n + 1 })));
      await db.update(books).set({ title: "The first" }).where(eq(books.authorId, wells.id)).returning();
      // One statement with lateral joins and JSON made in the database.
      const found = await db.query.authors.findMany({
        columns: { name: true },
        where: eq(authors.driver, DRIVER),
        orderBy: authors.name,
        with: { books: { columns: { title: true, pages: true }, orderBy: books.pages, limit: 5 } },
      });
      const joined = await db
        .select({ name: authors.name, count: sql`count(${books.id})::int` })
        .from(authors)
        .leftJoin(books, eq(books.authorId, authors.id))
        .where(eq(authors.driver, DRIVER))
        .groupBy(authors.name)
        .orderBy(authors.name);
      return [found, joined];
    }),
  "orm-schema": async () => {
    const folder = mkdtempSync(join(tmpdir(), "sallyport-drizzle-"));
    try {
      writeMigrations(folder);
      return await withDb({}, async (db) => {
        await db.execute(sql`drop table if exists public.drizzle_shelf, public.drizzle_migrations`);
        // It makes a schema of its own unless it is told one that is there.
        const where = {
          migrationsFolder: folder,
          migrationsSchema: "public",
          migrationsTable: "drizzle_migrations",
        };
        await migrate(db, where);
        await migrate(db, where);
        const { rows } = await db.execute(
          sql`insert into public.drizzle_shelf (place) values ('left') returning *`,
        );
        await db.execute(sql`drop table public.drizzle_shelf, public.drizzle_migrations`);
        return rows;
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

function writeMigrations(folder) {
  mkdirSync(join(folder, "meta"));
  writeFileSync(
    join(folder, "0000_shelf.sql"),
    `CREATE TABLE "public"."drizzle_shelf" ("id" serial PRIMARY KEY, "place" text NOT NULL);
--> statement-breakpoint
CREATE INDEX "drizzle_shelf_place" ON "public"."drizzle_shelf" ("place");`,
  );
  const entries = [{ idx: 0, version: "7", when: 1_700_000_000_000, tag: "0000_shelf", breakpoints: true }];
  writeFileSync(
    join(folder, "meta", "_journal.json"),
    JSON.stringify({ version: "7", dialect: "postgresql", entries }),
  );
}

async function workAt(db, worker, gates) {
  for (const n of numbers(EACH)) {
    if (n % 10 === 5) gates[(n - 5) / 10]?.enter();
    const write = () =>
      db
        .insert(notes)
        .values(row(worker * EACH + n, "once"))
        .onConflictDoNothing();
    while (typeof (await attempt(write())) === "string");
  }
}

const own = { ...connecting, ...asking, ...transactions, ...ending };
const features = Object.fromEntries(process.argv.slice(2).map((name) => [name, own[name] ?? THE_DRIVER]));
await run(`drizzle-orm ${versionOf("drizzle-orm")} (pg ${versionOf("pg")})`, features);
