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

  export class Client {
    constructor(options: {
      host: string;
      port: number;
      user: string;
      database: string;
      password?: string;
      application_name?: string;
      ssl?: { readonly ca: string };
      /** Not connected yet. */
      stream?: Socket;
    });
    /** From the server's BackendKeyData. */
    readonly processID: number;
    readonly secretKey: number;
    connect(): Promise<void>;
    end(): Promise<void>;
    /** Text alone is the simple protocol; several statements then give an array of results. */
    query(text: string): Promise<QueryResult | QueryResult[]>;
    query(text: QueryText): Promise<QueryResult>;
    query(text: string, values: readonly unknown[]): Promise<QueryResult>;
    on(event: "error", listener: (error: Error) => void): this;
    on(event: "end", listener: () => void): this;
  }

  /** The wire below a client, as its own cancel uses it. */
  export class Connection {
    constructor(options: { ssl: false });
    connect(port: number, host: string): void;
    cancel(processId: number, secretKey: number): void;
    on(event: "connect", listener: () => void): this;
    on(event: "error", listener: (error: Error) => void): this;
  }

  const pg: { readonly Client: typeof Client; readonly Connection: typeof Connection };
  export default pg;
}
