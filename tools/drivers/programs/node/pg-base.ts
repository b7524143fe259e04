/** node-postgres: what its features share. */
import pg, { type Client, type ClientOptions, type QueryResult } from "pg";
import { AUTHORITY, SIDE } from "./common.ts";

export const DRIVER = "node-postgres";

export async function withClient<Value>(
  changed: Partial<ClientOptions>,
  use: (client: Client) => Promise<Value>,
): Promise<Value> {
  const client = new pg.Client({ ...SIDE, ssl: { ca: AUTHORITY }, ...changed });
  // A connection that is lost between two statements is told to the next one.
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

export async function rows(client: Client, text: string, values?: readonly unknown[]): Promise<unknown[][]> {
  const result = values === undefined ? await client.query(text) : await client.query(text, values);
  return rowsOf(result as QueryResult);
}

export const rowsOf = (result: QueryResult): unknown[][] => result.rows.map((row) => Object.values(row));

export const one = async (client: Client, text: string, values?: readonly unknown[]): Promise<unknown> =>
  (await rows(client, text, values))[0]?.[0];

export const clear = (client: Client): Promise<QueryResult> =>
  client.query("delete from notes where driver = $1", [DRIVER]);

export const notes = (client: Client): Promise<unknown[][]> =>
  rows(client, "select n, body from notes where driver = $1 order by n", [DRIVER]);
