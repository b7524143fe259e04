/** The parts of node-postgres' companions that the matrix uses; they ship no types that stand by themselves. */
declare module "pg-cursor" {
  import type { Submittable } from "pg";
  export default class Cursor implements Submittable {
    constructor(text: string, values?: readonly unknown[]);
    submit: Submittable["submit"];
    read(rows: number): Promise<readonly Record<string, unknown>[]>;
    close(): Promise<void>;
  }
}

declare module "pg-copy-streams" {
  import type { Readable, Writable } from "node:stream";
  import type { Submittable } from "pg";
  export function from(text: string): Writable & Submittable & { readonly rowCount: number };
  export function to(text: string): Readable & Submittable;
}
