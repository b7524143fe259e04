/** Signing in to the upstream: to the real one, over TLS too, and to ones that lie. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { after, before, describe, test } from "node:test";
import { createSecureContext, TLSSocket } from "node:tls";
import {
  authenticationCleartextPassword,
  authenticationOk,
  errorResponse,
  readyForQuery,
} from "#core/wire/postgres/messages.ts";
import { cstring, int32, message } from "#core/wire/postgres/fields.ts";
import { startupMessage, PROTOCOL_3_0 } from "#core/wire/postgres/startup.ts";
import type { ConnectionView } from "#core/port/port.ts";
import { serverAccount } from "#tools/postgres/account.ts";
import { startPostgres, type PostgresServer } from "#tools/postgres/server.ts";
import { makeAuthority } from "#test/support/certificates.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { startGateway } from "./support/gateway.ts";
import { errorOf, Q, rawClient, wireClient } from "./support/wire.ts";

const authority = makeAuthority();
const certificate = authority.issue("DNS:localhost", "IP:127.0.0.1");

type Tls = ConnectionView["spec"]["tls"];

/** What a client is told that comes while the upstream behaves so. */
async function heardOf(
  port: number,
  options: { tls?: Tls; user?: string; host?: string; weak?: readonly ("md5" | "cleartext")[] } = {},
): Promise<ReadonlyMap<string, string>> {
  await using gateway = await startGateway({
    server: {
      port,
      password: "canary-password",
      ...(options.host === undefined ? {} : { host: options.host }),
    },
    ...(options.tls === undefined ? {} : { upstreamTls: options.tls }),
    ...(options.user === undefined ? {} : { user: options.user }),
    ...(options.weak === undefined ? {} : { postgres: { weakAuthentication: options.weak } }),
  });
  const client = await rawClient(gateway.port);
  client.send(startupMessage(PROTOCOL_3_0, { user: "agent" }));
  return errorOf(await client.until(({ type }) => type === "E" || type === "Z"));
}

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version} over TLS`, { skip: skipWithoutPostgres(version) }, () => {
    let server: PostgresServer;
    let folder = "";
    before(async () => {
      folder = mkdtempSync(`${tmpdir()}/sallyport-tls-`);
      const { uid, gid } = serverAccount();
      chownSync(folder, uid, gid);
      for (const [name, text] of Object.entries({
        "cert.pem": certificate.certPem,
        "key.pem": certificate.keyPem,
      })) {
        writeFileSync(`${folder}/${name}`, text, { mode: 0o600 });
        chownSync(`${folder}/${name}`, uid, gid);
      }
      const settings = { ssl: "on", ssl_cert_file: `${folder}/cert.pem`, ssl_key_file: `${folder}/key.pem` };
      server = await startPostgres({ version, tcp: true, settings });
    });
    after(async () => {
      await server?.[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    const trusted: Tls = { mode: "verify-full", caPem: authority.certPem };

    test("SCRAM with channel binding, every way of checking the certificate", async () => {
      for (const upstreamTls of [
        trusted,
        { ...trusted, serverName: "localhost" },
        { mode: "verify-ca", caPem: authority.certPem, serverName: "elsewhere.example" },
      ] satisfies Tls[]) {
        await using gateway = await startGateway({ server, upstreamTls });
        const client = await wireClient(gateway.port);
        assert.equal(
          await client.talk(Q("select ssl from pg_stat_ssl where pid = pg_backend_pid() and ssl")),
          "T D C(SELECT 1) Z(I)",
        );
        client.close();
      }
    });

    test("a certificate for another name, or of another authority, is not trusted", async () => {
      for (const tls of [
        { ...trusted, serverName: "elsewhere.example" },
        { mode: "verify-full", caPem: makeAuthority().certPem },
        { mode: "verify-full" },
      ] satisfies Tls[])
        assert.equal((await heardOf(server.port, { tls })).get("C"), "08004");
    });

    test("a cancel goes over TLS as well", async () => {
      await using gateway = await startGateway({
        server,
        upstreamTls: trusted,
        judge: () => undefined,
        obligations: { limits: { rows: 3 } },
      });
      const client = await wireClient(gateway.port);
      assert.equal(await client.talk(Q("select generate_series(1, 1000000000)")), "T D D D E(53400) Z(I)");
      client.close();
    });

    test("a wrong password and an unknown role are told without names", async () => {
      const wrong = await heardOf(server.port, { tls: trusted });
      assert.equal(wrong.get("C"), "08004");
      assert.doesNotMatch([...wrong.values()].join(), /postgres|canary|127\.0\.0\.1/);
      assert.equal((await heardOf(server.port, { tls: trusted, user: "nobody_here" })).get("C"), "08004");
    });
  });

/** A server that answers each thing it reads with the next of these, or does as a function says. */
async function fakeUpstream(steps: readonly (Buffer | ((socket: Socket) => void))[]) {
  const received: Buffer[] = [];
  const listener = createServer((socket) => {
    let step = 0;
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      received.push(chunk);
      const answer = steps[step];
      step += 1;
      if (typeof answer === "function") answer(socket);
      else if (answer === undefined) socket.destroy();
      else socket.write(answer);
    });
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    port: (listener.address() as { port: number }).port,
    received,
    [Symbol.dispose]: () => void listener.close(),
  };
}

const sasl = (...mechanisms: string[]): Buffer =>
  message("R", int32(10), ...mechanisms.map(cstring), Buffer.of(0));
const saslContinue = (text: string): Buffer => message("R", int32(11), Buffer.from(text));
const plainTls: Tls = { mode: "disable" };

describe("an upstream that lies", () => {
  const cases: Readonly<
    Record<string, { steps: (Buffer | ((socket: Socket) => void))[]; code: string; tls?: Tls }>
  > = {
    "has no TLS where it is demanded": {
      steps: [Buffer.from("N")],
      code: "08004",
      tls: { mode: "verify-full" },
    },
    "sends bytes in the clear behind its S (CVE-2021-23222)": {
      steps: [Buffer.concat([Buffer.from("S"), authenticationOk(), readyForQuery("I")])],
      code: "08004",
      tls: { mode: "verify-full" },
    },
    "lets anybody in": { steps: [Buffer.concat([authenticationOk(), readyForQuery("I")])], code: "08004" },
    "asks for the password in the clear": { steps: [authenticationCleartextPassword()], code: "08004" },
    "asks for MD5": { steps: [message("R", int32(5), Buffer.from("salt"))], code: "08004" },
    "asks for Kerberos": { steps: [message("R", int32(7))], code: "08004" },
    "offers no mechanism that is known": { steps: [sasl("SCRAM-MD5")], code: "08004" },
    "does not continue our nonce": {
      steps: [sasl("SCRAM-SHA-256"), saslContinue("r=abcdefgh,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")],
      code: "08004",
    },
    "lets us in in the middle of the exchange": {
      steps: [sasl("SCRAM-SHA-256"), authenticationOk()],
      code: "08004",
    },
    refuses: {
      steps: [
        errorResponse({
          severity: "FATAL",
          code: "28000",
          message: 'no entry for host "10.1.2.3", user "postgres"',
        }),
      ],
      code: "08004",
    },
    "has no room": {
      steps: [errorResponse({ severity: "FATAL", code: "53300", message: "sorry" })],
      code: "08001",
    },
    "hangs up": { steps: [], code: "08001" },
    "speaks another protocol": { steps: [Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")], code: "08006" },
    "sends a message without end": { steps: [Buffer.from([0x52, 0x3f, 0xff, 0xff, 0xff])], code: "08006" },
  };
  for (const [what, { steps, code, tls = plainTls }] of Object.entries(cases))
    test(`${what}: refused, and it learns nothing`, async () => {
      using upstream = await fakeUpstream(steps);
      const told = await heardOf(upstream.port, { tls });
      assert.deepEqual([told.get("S"), told.get("C")], ["FATAL", code]);
      assert.doesNotMatch([...told.values()].join(), /10\.1\.2\.3|"postgres"/);
      assert.doesNotMatch(Buffer.concat(upstream.received).toString("latin1"), /canary-password/);
    });

  test("its signature is wrong: nothing is said to it", async () => {
    using upstream = await fakeUpstream([
      sasl("SCRAM-SHA-256"),
      (socket) => {
        const nonce = /r=([^\0]+)$/.exec(upstream.received.at(-1)?.toString("latin1") ?? "")?.[1];
        socket.write(saslContinue(`r=${nonce}more,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`));
      },
      Buffer.concat([
        message("R", int32(12), Buffer.from(`v=${"A".repeat(43)}=`)),
        authenticationOk(),
        readyForQuery("I"),
      ]),
    ]);
    assert.equal((await heardOf(upstream.port)).get("C"), "08004");
  });

  test("it strips the channel binding: the client's header tells the real server", async () => {
    const context = createSecureContext({ cert: certificate.certPem, key: certificate.keyPem });
    let first = "";
    using upstream = await fakeUpstream([
      (socket) => {
        socket.removeAllListeners("data");
        socket.write("S");
        const secured = new TLSSocket(socket, {
          isServer: true,
          secureContext: context,
          ALPNProtocols: ["postgresql"],
        });
        secured.on("error", () => undefined);
        secured.once("data", () => {
          secured.once("data", (chunk: Buffer) => {
            first = chunk.toString("latin1");
            secured.destroy();
          });
          secured.write(sasl("SCRAM-SHA-256"));
        });
      },
    ]);
    await heardOf(upstream.port, { tls: { mode: "verify-full", caPem: authority.certPem } });
    assert.match(first, /SCRAM-SHA-256\0.{4}y,,n=/s);
  });

  test("what the Connection lists is no leave for anything else, nor for clear text without TLS", async () => {
    const cleartext = authenticationCleartextPassword();
    const md5 = message("R", int32(5), Buffer.from("salt"));
    for (const [step, weak] of [
      [cleartext, ["cleartext"]],
      [cleartext, ["md5"]],
      [md5, ["cleartext"]],
    ] as const) {
      using upstream = await fakeUpstream([step]);
      assert.equal((await heardOf(upstream.port, { weak })).get("C"), "08004");
      assert.equal(upstream.received.length, 1, "it was answered");
    }
  });

  test("a salt of another length is no MD5", async () => {
    using upstream = await fakeUpstream([message("R", int32(5), Buffer.from("salty"))]);
    assert.equal((await heardOf(upstream.port, { weak: ["md5"] })).get("C"), "08006");
  });

  test("nobody listens", async () => {
    const listener = createServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as { port: number };
    listener.close();
    await once(listener, "close");
    assert.equal((await heardOf(port)).get("C"), "08001");
  });
});
