/**
 * The agent: a program with an ordinary PostgreSQL driver and no password. It does what it is told on standard input, one
 * JSON string a line, in one session, and answers with one line each.
 */
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import pg from "pg";

export type AgentAnswer =
  | { readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] }
  | { readonly refused: string; readonly code: string; readonly detail: string; readonly hint: string };

interface Trouble {
  readonly message?: string;
  readonly code?: string;
  readonly detail?: string;
  readonly hint?: string;
}

const client = new pg.Client({
  host: process.env["PGHOST"] ?? "127.0.0.1",
  port: Number(process.env["PGPORT"]),
  user: process.env["PGUSER"] ?? "agent",
  database: process.env["PGDATABASE"] ?? "shop",
});

async function answer(statement: string): Promise<AgentAnswer> {
  try {
    // Prepared once under its name: asked again, only its execution goes over the wire.
    const { rows } = await client.query({ name: nameOf(statement), text: statement });
    const columns = Object.keys(rows[0] ?? {});
    return { columns, rows: rows.map((row) => columns.map((column) => String(row[column]))) };
  } catch (error) {
    const { message = "", code = "", detail = "", hint = "" } = error as Trouble;
    return { refused: message, code, detail, hint };
  }
}

function nameOf(statement: string): string {
  return createHash("sha256").update(statement).digest("hex").slice(0, 16);
}

client.on("error", (error) => console.error(`the session ended: ${error.message}`));
await client.connect();
console.log(JSON.stringify("connected"));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(String(JSON.parse(line)))));
}
await client.end();
