import pg, { type QueryResult } from "pg";

export interface Endpoint {
  readonly socketFolder: string;
  readonly port: number;
}

export type Row = Readonly<Record<string, unknown>>;

export interface Session extends AsyncDisposable {
  /** Without values the simple protocol is used, and the rows are those of the last statement of the text. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

/** A session over the server's own socket. */
export async function connect(
  endpoint: Endpoint,
  { user = "postgres", database = "postgres" }: { user?: string; database?: string } = {},
): Promise<Session> {
  const client = new pg.Client({ host: endpoint.socketFolder, port: endpoint.port, user, database });
  // A server that goes away between queries is told by the next query; unheard, the event would end the process.
  client.on("error", () => undefined);
  await client.connect();
  return {
    async query(text, values) {
      const result = values === undefined ? await client.query(text) : await client.query(text, values);
      return rowsOf(result);
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

function rowsOf(result: QueryResult | QueryResult[]): readonly Row[] {
  if (Array.isArray(result)) return result.at(-1)?.rows ?? [];
  return result.rows;
}
