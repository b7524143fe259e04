/** postgres.js: connections. */
import type { Options } from "postgres";
import {
  type Features,
  orNone,
  AUTHORITY,
  OTHER_AUTHORITY,
  SIDE,
  SOCKET_FOLDER,
  port,
  stateOf,
  turnedDown,
} from "./common.ts";
import { one, values, verified, withSql } from "./postgres-js-base.ts";

type Changed = Options<Record<string, never>>;

/** Whether a session so opened works; the driver does not tell what lies below it. */
const over = (changed: Changed): Promise<unknown> => withSql(changed, (sql) => one(sql`select 1 as n`));

/** Its own words for libpq's modes, which are not all in its types. */
const mode = (ssl: string): Changed => ({ ssl }) as Changed;

/** One that will not do, and then the right one. */
const hosts = (first: "DEAD" | "READONLY"): string => `127.0.0.1:${port(first)},127.0.0.1:${SIDE.port}`;

const NO_BINDING = "it knows SCRAM without channel binding";
/** It would take the server as it is first, and this one's certificate is verified below. */
const UNVERIFIED = "it has no mode between none and the whole of it";

export const connecting: Features = {
  "tls-disable": () => over({ ssl: false }),
  "tls-allow": () => over(mode("allow")),
  "tls-prefer": () => over(mode("prefer")),
  "tls-require": () => over(mode("require")),
  "tls-verify-ca": UNVERIFIED,
  "tls-verify-full": () => over({ ssl: verified(AUTHORITY, SIDE.host) }),
  "tls-wrong-authority": () =>
    turnedDown("unable to verify the first certificate", over({ ssl: verified(OTHER_AUTHORITY, SIDE.host) })),
  "tls-wrong-name": () =>
    turnedDown("ERR_TLS_CERT_ALTNAME_INVALID", over({ host: "localhost", ssl: { ca: AUTHORITY } })),
  "tls-direct": () => orNone(over({ sslnegotiation: "direct" } as Changed)),
  "clear-on-loopback": () => over({ ssl: false, port: port("CLEAR") }),
  "unix-socket": () => over({ ssl: false, host: SOCKET_FOLDER, port: port("SOCKET"), password: "" }),
  "channel-binding-prefer": NO_BINDING,
  "channel-binding-require": NO_BINDING,
  "wrong-password": async () => {
    try {
      return await over({ password: "not it" });
    } catch (error) {
      if (!(error as Error).message.startsWith("password authentication failed")) throw error;
      return stateOf(error);
    }
  },
  "multi-host": () => over({ host: hosts("DEAD") }),
  "multi-host-writable": () =>
    withSql(
      {
        host: hosts("READONLY"),
        target_session_attrs: "read-write",
      },
      (sql) => one(sql`show transaction_read_only`),
    ),
  "target-unmet": "it goes round its hosts for as long as it is let",
  "startup-options": () =>
    withSql(
      { connection: { statement_timeout: 4321, search_path: "public,pg_catalog", TimeZone: "Asia/Tokyo" } },
      async (sql) => [
        await one(sql`show statement_timeout`),
        await one(sql`show search_path`),
        await one(sql`show timezone`),
      ],
    ),
  "startup-unsafe": () => withSql({ connection: { work_mem: "8MB" } }, (sql) => one(sql`show work_mem`)),
  "application-name": () =>
    withSql({ connection: { application_name: "ledger" } }, async (sql) =>
      values(await sql`show application_name`),
    ),
  "client-encoding": "it speaks UTF-8 only",
  "protocol-newest": "it speaks 3.0",
  replication: () =>
    withSql(
      { connection: { replication: "database" }, fetch_types: false },
      async (sql) => values(await sql.unsafe("IDENTIFY_SYSTEM"))[0]?.length,
    ),
  "connect-timeout": () =>
    turnedDown("CONNECT_TIMEOUT", over({ port: port("SILENT"), connect_timeout: 3, fetch_types: false })),
};
