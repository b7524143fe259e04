/** Who proves what to whom, what a client may set from the start, and whose connection it is. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { PROTOCOL_3_0, startupMessage } from "#core/wire/postgres/startup.ts";
import { serverAccount } from "#tools/postgres/account.ts";
import { brief, errorOf, Q, rawClient, wireClient } from "#test/postgres/support/wire.ts";
import { answered, type Stage } from "../support/stage.ts";

/** Certificates whose signatures name other hashes than SHA-256, or none. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  "ECDSA with SHA-384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-sha384"],
  "ECDSA with SHA-512": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-sha512"],
  "RSA-PSS with SHA-256": ["-newkey", "rsa:2048", "-sha256", "-sigopt", "rsa_padding_mode:pss"],
  Ed25519: ["-newkey", "ed25519"],
};

function selfSigned(words: readonly string[]): { certPem: string; keyPem: string } {
  const folder = mkdtempSync(`${tmpdir()}/sallyport-traps-`);
  try {
    const fixed = ["-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext"];
    const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    const files = ["-keyout", "key.pem", "-out", "cert.pem"];
    execFileSync("openssl", ["req", ...words, ...fixed, names, ...files], { cwd: folder, stdio: "pipe" });
    const read = (name: string): string => readFileSync(`${folder}/${name}`, "utf8");
    return { certPem: read("cert.pem"), keyPem: read("key.pem") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The server shows this certificate to whoever connects from now on. */
async function show({ server, admin }: Stage, pair: { certPem: string; keyPem: string }): Promise<void> {
  const { uid, gid } = serverAccount();
  for (const [name, text] of [
    ["crt", pair.certPem],
    ["key", pair.keyPem],
  ] as const) {
    const path = `${server.socketFolder}/server.${name}`;
    writeFileSync(path, text, { mode: 0o600 });
    chownSync(path, uid, gid);
  }
  const loaded = "select pg_conf_load_time()::text as at";
  const before = String((await admin.query(loaded))[0]?.["at"]);
  await admin.query("select pg_reload_conf()");
  while (String((await admin.query(loaded))[0]?.["at"]) === before) await new Promise(setImmediate);
}

export function loginTraps(there: () => Stage): void {
  test("trap 5: channel binding follows the hash of the certificate, and is left out where there is none", async () => {
    const stage = there();
    try {
      for (const [what, words] of Object.entries(KEYS)) {
        const pair = selfSigned(words);
        await show(stage, pair);
        const gateway = await stage.gateway({
          upstreamTls: { mode: "verify-full", caPem: pair.certPem },
        });
        const client = await rawClient(gateway.port);
        client.send(startupMessage(PROTOCOL_3_0, { user: "agent" }));
        const heard = await client.until(({ type }) => type === "Z" || type === "E");
        assert.match(brief(heard), /Z\(I\)$/, `${what}: ${[...errorOf(heard)].join()}`);
        assert.equal(
          await answered(client, Q("select ssl from pg_stat_ssl where pid = pg_backend_pid()")),
          "t",
        );
        client.close();
      }
    } finally {
      await show(stage, stage.certificate);
    }
  });

  test("trap 5: an upstream that asks for endless work, or for none at all, gets nothing", async () => {
    const { admin, server } = there();
    const salted = (iterations: number): string =>
      `SCRAM-SHA-256$${iterations}:${Buffer.alloc(16, 7).toString("base64")}$${Buffer.alloc(32, 1).toString("base64")}:${Buffer.alloc(32, 2).toString("base64")}`;
    await admin.query(`create role endless login password '${salted(1_000_001)}'`);
    const gateway = await there().gateway({ server, user: "endless" });
    const client = await rawClient(gateway.port);
    client.send(startupMessage(PROTOCOL_3_0, { user: "agent" }));
    const error = errorOf(await client.until(({ type }) => type === "E" || type === "Z"));
    assert.equal(error.get("C"), "08004");
    assert.match(error.get("M") ?? "", /not one that may be answered/);
    client.close();
  });

  test("trap 6: what a client sets from the start reaches the server, or the client hears of it", async () => {
    const { open } = there();
    const client = await wireClient(open.port, {
      parameters: { datestyle: "German", options: "-c extra_float_digits=0 --lock-timeout=7s" },
    });
    for (const [setting, value] of [
      ["datestyle", "German, DMY"],
      ["extra_float_digits", "0"],
      ["lock_timeout", "7s"],
      ["client_encoding", "UTF8"],
      ["standard_conforming_strings", "on"],
      ["client_min_messages", "notice"],
    ] as const)
      assert.equal(await answered(client, Q(`show ${setting}`)), value);
    client.close();
    for (const parameters of [
      { options: "-c standard_conforming_strings=off" },
      { options: "-cstandard_conforming_strings=off" },
      { options: "--standard-conforming-strings=off" },
      { options: "-c\\ role=postgres" },
      { options: "-c client_min_messages=debug5" },
      { client_min_messages: "log" },
      { ROLE: "postgres" },
      { Session_Authorization: "postgres" },
      { client_encoding: "BIG5" },
      { replication: "true" },
      { replication: "database" },
      { options: "-c session_preload_libraries=auto_explain" },
      { options: "-d 5" },
    ]) {
      const refused = await rawClient(open.port);
      refused.send(startupMessage(PROTOCOL_3_0, { user: "agent", ...parameters }));
      const heard = await refused.until(() => false);
      assert.equal(errorOf(heard).get("C"), "0A000", JSON.stringify(parameters));
    }
  });

  test("trap 8: every session has a connection of its own, from its beginning to its end", async () => {
    const { open, admin } = there();
    const pids = new Set<string>();
    for (let count = 0; count < 3; count += 1) {
      const client = await there().client(open);
      await answered(
        client,
        Q("create temp table mine (n int); set statement_timeout = '7s'; prepare p as select 1"),
      );
      pids.add(await answered(client, Q("select pg_backend_pid()")));
      client.close();
    }
    const client = await there().client(open);
    pids.add(await answered(client, Q("select pg_backend_pid()")));
    assert.equal(pids.size, 4);
    assert.equal(await answered(client, Q("show statement_timeout")), "0");
    assert.match(await answered(client, Q("execute p")), /^26000/);
    assert.match(await answered(client, Q("table mine")), /^42P01/);
    client.close();
    const [row] = await admin.query("select count(*)::int as n from pg_prepared_statements where name = 'p'");
    assert.equal(row?.["n"], 0);
  });
}
