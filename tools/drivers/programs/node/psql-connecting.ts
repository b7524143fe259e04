/** psql: connections, which are libpq's. */
import { type Features, OTHER_AUTHORITY_FILE, SIDE, SOCKET_FOLDER, port } from "./common.ts";
import { type Settings, psql } from "./psql-base.ts";

/** Whether a session so opened has TLS, and works. */
async function over(changed: Settings): Promise<unknown> {
  const said = await psql(String.raw`\conninfo` + "\nselect 1;\n", changed);
  if (said.at(-1) !== "1") throw new Error(said.join(" "));
  return [said.some((line) => line.startsWith("SSL connection")), 1];
}

async function turnedDown(words: string, changed: Settings): Promise<unknown> {
  const said = (await psql("select 1;\n", changed)).join(" ");
  if (!said.includes(words)) throw new Error(said);
  return words;
}

/** A value, or what it said instead. */
async function shown(script: string, changed: Settings): Promise<unknown> {
  const said = await psql(script, changed);
  if (said.some((line) => line.includes("FATAL"))) throw new Error(said.join(" "));
  return said;
}

const two = { host: `${SIDE.host},${SIDE.host}` };

export const connecting: Features = {
  ...Object.fromEntries(
    ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"].map((mode) => [
      `tls-${mode}`,
      () => over({ sslmode: mode }),
    ]),
  ),
  "tls-wrong-authority": () => turnedDown("certificate verify failed", { sslrootcert: OTHER_AUTHORITY_FILE }),
  "tls-wrong-name": () => turnedDown('does not match host name "localhost"', { host: "localhost" }),
  "tls-direct": "it has it from 17 on",
  "clear-on-loopback": () => over({ sslmode: "disable", port: port("CLEAR") }),
  "unix-socket": () => over({ host: SOCKET_FOLDER, port: port("SOCKET"), password: undefined }),
  "channel-binding-prefer": () => over({ channel_binding: "prefer" }),
  "channel-binding-require": () => over({ channel_binding: "require" }),
  "wrong-password": () => turnedDown("password authentication failed", { password: "not it" }),
  "multi-host": () => over({ ...two, port: `${port("DEAD")},${SIDE.port}` }),
  "multi-host-writable": async () => {
    const hosts = { ...two, port: `${port("READONLY")},${SIDE.port}` };
    const script = "show transaction_read_only;\n";
    return [
      await psql(script, { ...hosts, target_session_attrs: "any" }),
      await psql(script, { ...hosts, target_session_attrs: "read-write" }),
      await psql(script, { ...hosts, target_session_attrs: "read-only" }),
    ];
  },
  "target-unmet": () => turnedDown("server is not in hot standby mode", { target_session_attrs: "standby" }),
  "startup-options": () =>
    shown("show statement_timeout;\nshow search_path;\nshow timezone;\n", {
      options: "-c statement_timeout=4321 -c search_path=public,pg_catalog -c TimeZone=Asia/Tokyo",
    }),
  "startup-unsafe": () => shown("show work_mem;\n", { options: "-c work_mem=8MB" }),
  "application-name": () => shown("show application_name;\n", { application_name: "ledger" }),
  "client-encoding": () => shown("show client_encoding;\n", { client_encoding: "LATIN1" }),
  "protocol-newest": "it has it from 18 on",
  replication: () =>
    shown("IDENTIFY_SYSTEM;\n", { replication: "database" }).then((said) => (said as string[]).length),
  "connect-timeout": () => turnedDown("timeout expired", { port: port("SILENT"), connect_timeout: 3 }),
};
