/** What is asked of a database, and the one snapshot that answers it. */
import type { Hash } from "node:crypto";
import type { ColumnMask } from "#core/policy/decision.ts";
import type { Catalog } from "#core/statements/postgres/catalog.ts";
import { BEGIN_READ, END_READ } from "./queries.ts";
import type { SideConnection } from "./side-connection.ts";

export interface ReadingLimits {
  readonly rowsMax: number;
  readonly bytesMax: number;
}

export interface Question {
  /** Of the server's version, or of the newest one known. */
  readonly stock: Catalog;
  /** The server is newer than every stock known: names of its own are looked at, too. */
  readonly isNewer: boolean;
  readonly masks: readonly ColumnMask[];
  readonly limits: ReadingLimits;
}

export interface Snapshot {
  /** The rows, which also go into the digest. */
  rows(text: string, values: readonly string[]): Promise<Buffer[]>;
  end(): Promise<void>;
}

export async function inSnapshot(side: SideConnection, digest: Hash, signal: AbortSignal): Promise<Snapshot> {
  await side.run(BEGIN_READ, signal);
  return {
    async rows(text, values) {
      const rows = await side.rows(text, values, signal);
      for (const row of rows) digest.update(row);
      digest.update("\0");
      return rows;
    },
    end: () => side.run(END_READ, signal),
  };
}

/** One more than is kept, so that too many can be told from just enough. */
export const limitOf = ({ limits }: Question): string => String(limits.rowsMax + 1);
