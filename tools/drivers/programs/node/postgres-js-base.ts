/** postgres.js: what its features share. */
import postgres, { type Options, type Sql } from "postgres";
import { AUTHORITY, SIDE } from "./common.ts";

export const DRIVER = "postgres.js";

type Changed = Options<Record<string, never>>;

/** Where it is given an address instead of a name, it has to be told once more what the certificate is for. */
export const verified = (ca: string, host: string): { ca: string; host: string } => ({ ca, host });

export const made = (changed: Changed): Sql =>
  postgres({ ...SIDE, ssl: verified(AUTHORITY, SIDE.host), max: 1, onnotice: () => undefined, ...changed });

export async function withSql<Value>(
  changed: Changed,
  use: (sql: Sql) => PromiseLike<Value>,
): Promise<Value> {
  const sql = made(changed);
  try {
    return await use(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

export const values = (rows: readonly Readonly<Record<string, unknown>>[]): unknown[][] =>
  rows.map((row) => Object.values(row));

export const one = async (query: PromiseLike<readonly Record<string, unknown>[]>): Promise<unknown> =>
  values(await query)[0]?.[0];

export const clear = (sql: Sql): PromiseLike<unknown> => sql`delete from notes where driver = ${DRIVER}`;

export const notes = async (sql: Sql): Promise<unknown[][]> =>
  values(await sql`select n, body from notes where driver = ${DRIVER} order by n`);
