/** Ordinary clients, and what they are told. */
import assert from "node:assert/strict";
import pg from "pg";

export interface Reached {
  readonly port: number;
  readonly password?: string;
  readonly ssl?: { readonly ca: string };
}

export type Client = InstanceType<typeof pg.Client>;

export async function connected({ port, password, ssl }: Reached): Promise<Client> {
  const client = new pg.Client({
    host: ssl === undefined ? "127.0.0.1" : "localhost",
    port,
    user: "agent",
    database: "postgres",
    ...(password === undefined ? {} : { password }),
    ...(ssl === undefined ? {} : { ssl }),
  });
  // What ends a session is told by the next query; unheard, the event would end the process.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

export async function rows(client: Client, text: string): Promise<readonly Record<string, unknown>[]> {
  return (await client.query({ text })).rows;
}

/** One session, one statement. */
export async function once(reached: Reached, text = "select count(*) from orders"): Promise<unknown> {
  const client = await connected(reached);
  try {
    return (await rows(client, text))[0];
  } finally {
    await client.end();
  }
}

interface Told {
  readonly code: string;
  readonly detail?: string;
  readonly message: string;
}

/** The session or the statement is refused, and the client is told this code in PostgreSQL's words. */
export async function refusedWith(work: Promise<unknown>, code: string): Promise<Told> {
  try {
    await work;
  } catch (error) {
    const told = error as Told;
    assert.match(told.detail ?? "", new RegExp(`\\b${code}\\b`), String(error));
    return told;
  }
  assert.fail(`it was not refused with ${code}`);
}
