/** The part of node-postgres that tests and tools use; the package ships no types of its own. */
declare module "pg" {
  import type { Socket } from "node:net";

  export interface QueryResult {
    readonly command: string;
    readonly rowCount: number | null;
    readonly rows: readonly Record<string, unknown>[];
  }

  export interface QueryText {
    readonly text: string;
    readonly values?: readonly unknown[];
    /** Prepared once under this name. */
    readonly name?: string;
    readonly binary?: boolean;
  }

  export interface ClientOptions {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly database: string;
    readonly password?: string | undefined;
    readonly application_name?: string;
    readonly ssl?: false | { readonly ca?: string; readonly rejectUnauthorized?: boolean };
    readonly sslnegotiation?: "direct";
    readonly enableChannelBinding?: boolean;
    /** As on a server's command line. */
    readonly options?: string;
    readonly client_encoding?: string;
    readonly replication?: "database";
    readonly connectionTimeoutMillis?: number;
    readonly query_timeout?: number;
    readonly statement_timeout?: number;
    /** Not connected yet. */
    readonly stream?: Socket;
  }

  /** Whatever runs on a client's connection by itself: cursors, streams, COPY. */
  export interface Submittable {
    submit(connection: Connection): void;
  }

  export interface ServerMessage {
    readonly severity?: string;
    readonly code?: string;
    readonly message?: string;
  }

  export class Client {
    constructor(options: ClientOptions);
    /** From the server's BackendKeyData. */
    readonly processID: number;
    readonly secretKey: number;
    connect(): Promise<void>;
    end(): Promise<void>;
    /** Text alone is the simple protocol; several statements then give an array of results. */
    query(text: string): Promise<QueryResult | QueryResult[]>;
    query(text: QueryText): Promise<QueryResult>;
    query(text: string, values: readonly unknown[]): Promise<QueryResult>;
    query<Running extends Submittable>(running: Running): Running;
    on(event: "error", listener: (error: Error) => void): this;
    on(event: "end", listener: () => void): this;
    on(event: "notice", listener: (notice: ServerMessage) => void): this;
    on(event: "notification", listener: (note: { channel: string; payload?: string }) => void): this;
  }

  export interface PoolClient extends Client {
    release(): void;
  }

  /** Rows as they come. */
  export class Query implements Submittable {
    constructor(text: string);
    submit: Submittable["submit"];
    on(event: "row" | "end", listener: () => void): this;
    on(event: "error", listener: (error: Error) => void): this;
  }

  export class Pool {
    constructor(options: ClientOptions & { readonly max: number });
    connect(): Promise<PoolClient>;
    end(): Promise<void>;
    query(text: string, values: readonly unknown[]): Promise<QueryResult>;
    on(event: "error", listener: (error: Error) => void): this;
  }

  /** The wire below a client, as its own cancel uses it. */
  export class Connection {
    constructor(options: { ssl: false });
    connect(port: number, host: string): void;
    cancel(processId: number, secretKey: number): void;
    on(event: "connect", listener: () => void): this;
    on(event: "error", listener: (error: Error) => void): this;
  }

  const pg: {
    readonly Client: typeof Client;
    readonly Connection: typeof Connection;
    readonly Pool: typeof Pool;
    readonly Query: typeof Query;
  };
  export default pg;
}
