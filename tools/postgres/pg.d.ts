/** The part of node-postgres that tests and tools use; the package ships no types of its own. */
declare module "pg" {
  export interface QueryResult {
    readonly command: string;
    readonly rowCount: number | null;
    readonly rows: readonly Record<string, unknown>[];
  }

  export class Client {
    constructor(options: {
      host: string;
      port: number;
      user: string;
      database: string;
      password?: string;
      application_name?: string;
    });
    connect(): Promise<void>;
    end(): Promise<void>;
    /** Text alone is the simple protocol; several statements then give an array of results. */
    query(text: string): Promise<QueryResult | QueryResult[]>;
    query(text: string, values: readonly unknown[]): Promise<QueryResult>;
    on(event: "error", listener: (error: Error) => void): this;
  }

  const pg: { readonly Client: typeof Client };
  export default pg;
}
