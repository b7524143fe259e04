/** What is asked for. Two columns of each table are redacted by the gateway's policy. */
import type { Query } from "./probe.ts";

export const DATABASE = "bench";
export const ROLE = "bench_agent";

const ACCOUNTS = 100_000;
const BULK_ROWS = 1_000_000;

/**
 * `contact` and `mobile` hold what `email` and `phone` hold, and no mask: an answer of the same size that needs none.
 */
export const SCHEMA = `
  create role ${ROLE} login;
  create table accounts (id int primary key, owner text not null, email text not null, phone text not null, balance int not null);
  insert into accounts
  select i, 'owner ' || i, 'owner' || i || '@example.com', '+49 30 ' || 1000000 + i, i % 1000 from generate_series(1, ${ACCOUNTS}) i;
  create unlogged table bulk (id int, owner text, email text, phone text, contact text, mobile text, note text);
  insert into bulk
  select i, 'owner ' || i, mail, call, mail, call, repeat('x', 113)
  from generate_series(1, ${BULK_ROWS}) i,
    lateral (select 'owner' || i || '@example.com' as mail, '+49 30 ' || 1000000 + i as call);
  grant select on accounts, bulk to ${ROLE};`;

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
