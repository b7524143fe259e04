/** The benches' database, small enough to be had at once, and their kinds. */
import { connectionOf, policyOf, schemaOf } from "../accounts.ts";

export const BULK_ROWS = 20_000;
export const SCHEMA: string = schemaOf({ accounts: 1_000, bulkRows: BULK_ROWS, isBulkLogged: true });
export const KINDS: string = [
  connectionOf({ name: "bench", port: 5432, passwordFile: "/password" }),
  policyOf(["bench"], 1),
].join("---");
