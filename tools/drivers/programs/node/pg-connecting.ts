/** node-postgres: connections. */
import type { ClientOptions } from "pg";
import {
  type Features,
  orNone,
  AUTHORITY,
  OTHER_AUTHORITY,
  SOCKET_FOLDER,
  port,
  stateOf,
  turnedDown,
} from "./common.ts";
import { one, rows, withClient } from "./pg-base.ts";

/** Whether a session so opened has TLS, and works. */
const over = (changed: Partial<ClientOptions>): Promise<unknown> =>
  withClient(changed, async (client) => {
    const { connection } = client as unknown as { connection: { stream: { encrypted?: boolean } } };
    return [connection.stream.encrypted === true, await one(client, "select 1")];
  });

const NO_MODE = "it knows TLS and no TLS, with a certificate verified or not";
const ONE_HOST = "it takes one host";

export const connecting: Features = {
  "tls-disable": () => over({ ssl: false }),
  "tls-allow": NO_MODE,
  "tls-prefer": NO_MODE,
  "tls-require": () => over({ ssl: { rejectUnauthorized: false } }),
  "tls-verify-ca": NO_MODE,
  "tls-verify-full": () => over({ ssl: { ca: AUTHORITY } }),
  "tls-wrong-authority": () =>
    turnedDown("unable to verify the first certificate", over({ ssl: { ca: OTHER_AUTHORITY } })),
  "tls-wrong-name": () => turnedDown("ERR_TLS_CERT_ALTNAME_INVALID", over({ host: "localhost" })),
  "tls-direct": () => orNone(over({ sslnegotiation: "direct" })),
  "clear-on-loopback": () => over({ ssl: false, port: port("CLEAR") }),
  "unix-socket": () => over({ ssl: false, host: SOCKET_FOLDER, port: port("SOCKET"), password: undefined }),
  "channel-binding-prefer": () => over({ enableChannelBinding: true }),
  "channel-binding-require": "it can prefer it, not demand it",
  "wrong-password": async () => {
    try {
      return await over({ password: "not it" });
    } catch (error) {
      if (!(error as Error).message.startsWith("password authentication failed")) throw error;
      return stateOf(error);
    }
  },
  "multi-host": ONE_HOST,
  "multi-host-writable": ONE_HOST,
  "target-unmet": ONE_HOST,
  "startup-options": () => {
    const options = "-c statement_timeout=4321 -c search_path=public,pg_catalog -c TimeZone=Asia/Tokyo";
    return withClient({ options }, async (client) => [
      await one(client, "show statement_timeout"),
      await one(client, "show search_path"),
      await one(client, "show timezone"),
    ]);
  },
  "startup-unsafe": () =>
    withClient({ options: "-c work_mem=8MB" }, (client) => one(client, "show work_mem")),
  "application-name": () =>
    withClient({ application_name: "ledger" }, (client) => rows(client, "show application_name")),
  "client-encoding": "it speaks UTF-8 only",
  "protocol-newest": "it speaks 3.0",
  replication: () =>
    withClient(
      { replication: "database" },
      async (client) => (await rows(client, "IDENTIFY_SYSTEM"))[0]?.length,
    ),
  "connect-timeout": () =>
    turnedDown("timeout expired", over({ port: port("SILENT"), connectionTimeoutMillis: 3_000 })),
};
