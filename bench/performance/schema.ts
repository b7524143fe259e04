/** What is asked for, of how much. */
import { schemaOf } from "../accounts.ts";
import type { Query } from "./probe.ts";

const ACCOUNTS = 100_000;
const BULK_ROWS = 1_000_000;

export const SCHEMA: string = schemaOf({ accounts: ACCOUNTS, bulkRows: BULK_ROWS, isBulkLogged: false });

const ROW = "select id, owner, email, phone, balance from accounts where id = %d";

/** One row by its key, two of its columns redacted. The texts differ, so that no answer and no analysis is known from before. */
export const ONE_ROW = {
  simple: { mode: "simple", sql: ROW, keys: ACCOUNTS },
  prepared: { mode: "prepared", sql: ROW, keys: ACCOUNTS },
} as const satisfies Record<string, Query>;

export const BULK = {
  plain: "select id, owner, contact, mobile, note from bulk",
  redacted: "select id, owner, email, phone, note from bulk",
} as const;

export const ACTIVE_SESSIONS = 2_000;
