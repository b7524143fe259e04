/** Drivers as agents have them: each prints what it sees of a masked column, having been given a host and no password. */
import { drivers as installed } from "#test/drivers/programs.ts";

export interface PodDriver {
  readonly name: string;
  /** Why it cannot be run here; undefined: it can. */
  readonly missing: string | undefined;
  readonly modes: readonly ("disable" | "require" | "verify-full")[];
  command(host: string, mode: string): readonly string[];
}

const MODES = ["disable", "require", "verify-full"] as const;
const TEXT = "select email from people where id = 1";
const USER = "agent";

/** As test/drivers has it, which knows where it is. */
function at(name: string): { readonly missing: string | undefined; readonly command: readonly string[] } {
  const found = installed.find((driver) => driver.name === name);
  if (found === undefined) throw new Error(`there is no driver ${name}`);
  return found;
}

const psycopg = (host: string): string => `
import psycopg
with psycopg.connect(host="${host}", user="${USER}", dbname="postgres") as c:
    print(c.execute("${TEXT}").fetchone()[0])`;

const asyncpg = (host: string): string => `
import asyncio, asyncpg
async def main():
    c = await asyncpg.connect(host="${host}", user="${USER}", database="postgres")
    print(await c.fetchval("${TEXT}"))
    await c.close()
asyncio.run(main())`;

/** It knows no mode and no file of its own: whoever uses it says what it trusts. */
const nodePostgres = (host: string, mode: string): string => `
const { readFileSync } = require("node:fs");
const { Client } = require("${import.meta.dirname}/../../../node_modules/pg");
const ssl = { disable: false, require: { rejectUnauthorized: false }, "verify-full": { ca: readFileSync(process.env.PGSSLROOTCERT) } };
const c = new Client({ host: "${host}", user: "${USER}", database: "postgres", ssl: ssl["${mode}"] });
c.connect().then(() => c.query("${TEXT}")).then(({ rows }) => console.log(rows[0].email)).finally(() => c.end());`;

/** Its own parameter says where the authority is; it reads no variable of libpq's. */
const jdbc = `
import java.sql.*;
class Ask {
  public static void main(String[] a) throws Exception {
    String url = "jdbc:postgresql://" + a[0] + "/postgres?user=${USER}&sslmode=" + a[1] + "&sslrootcert=" + System.getenv("PGSSLROOTCERT");
    try (Connection c = DriverManager.getConnection(url); ResultSet r = c.createStatement().executeQuery("${TEXT}")) {
      r.next();
      System.out.println(r.getString(1));
    }
  }
}`;

const [python = ""] = at("psycopg").command;
const [, , jar = ""] = at("pgjdbc").command;

export const drivers: readonly PodDriver[] = [
  {
    name: "psycopg",
    missing: at("psycopg").missing,
    modes: MODES,
    command: (host) => [python, "-c", psycopg(host)],
  },
  {
    name: "asyncpg",
    missing: at("asyncpg").missing,
    modes: MODES,
    command: (host) => [python, "-c", asyncpg(host)],
  },
  {
    name: "node-postgres",
    missing: undefined,
    modes: MODES,
    command: (host, mode) => [process.execPath, "-e", nodePostgres(host, mode)],
  },
  {
    name: "pgjdbc",
    missing: at("pgjdbc").missing,
    modes: ["verify-full"],
    // From a file that is none: the JVM compiles what it is piped.
    command: (host, mode) => [
      "sh",
      "-c",
      'd=$(mktemp -d) && trap "rm -r $d" EXIT && printf %s "$1" > "$d/Ask.java" && java -cp "$2" "$d/Ask.java" "$3" "$4"',
      "sh",
      jdbc,
      jar,
      host,
      mode,
    ],
  },
];
