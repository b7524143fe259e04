import assert from "node:assert/strict";
import { once } from "node:events";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type Socket, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { limiter } from "#broker/limiter.ts";
import { type Login, connectAdministrator } from "#broker/sources/postgres-role/client.ts";
import { roleName } from "#broker/sources/postgres-role/identity.ts";
import { quoteName, quoteText } from "#broker/sources/postgres-role/quote.ts";
import { proveWithPassword } from "#broker/sources/proving.ts";
import { SecretBytes } from "#core/values/secret.ts";
import { cstring, int32, message } from "#core/wire/postgres/fields.ts";
import { makeAuthority } from "#test/support/certificates.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { serverAccount } from "#tools/postgres/account.ts";
import { connect } from "#tools/postgres/client.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";

const PASSWORD = "canary-admin-51c0";

function login(port: number, tls: Login["tls"] = { mode: "disable" }, password = PASSWORD): Login {
  const secret = new SecretBytes(Buffer.from(password));
  const prove: Login["prove"] = (challenge) =>
    proveWithPassword(challenge, secret, { upstream: "test", signal: soon() });
  return { host: "127.0.0.1", port, tls, user: "admin", database: "postgres", prove };
}
const soon = (): AbortSignal => AbortSignal.timeout(15_000);

async function startServer(
  context: TestContext,
  settings: Record<string, string> = {},
): Promise<PostgresServer> {
  const server = await startPostgres({ version: 18, tcp: true, settings });
  context.after(() => server[Symbol.asyncDispose]());
  await using root = await connect(server);
  await root.query(`CREATE ROLE admin LOGIN PASSWORD '${PASSWORD}'`);
  return server;
}

test("names and texts come back from the server as they went in", {
  skip: skipWithoutPostgres(18),
}, async (context) => {
  const server = await startServer(context);
  using admin = await connectAdministrator(login(server.port), new AbortController().signal);
  assert.ok(admin.version >= 180_000 && admin.version < 190_000);
  const character = fc.oneof(
    fc.constantFrom("'", '"', "\\", "$", ";", "-", "%", "é", "\n"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 2 }),
  );
  const text = fc
    .array(character, { maxLength: 20 })
    .map((parts) => parts.join("").toWellFormed().replaceAll("\0", ""));
  for (const conforming of ["on", "off"]) {
    await admin.query(`SET standard_conforming_strings = ${conforming}`);
    await fc.assert(
      fc.asyncProperty(text, async (value) => {
        const name = value.slice(0, 12).toWellFormed() || "x";
        assert.deepEqual(await admin.query(`SELECT ${quoteText(value)} AS ${quoteName(name)}`), [
          { [name]: value },
        ]);
      }),
      { numRuns: fuzzRuns(60), ...fuzzSeed() },
    );
  }
  assert.throws(() => quoteName(""), RangeError);
  assert.throws(() => quoteName("a\0b"), RangeError);
  assert.throws(() => quoteName("é".repeat(32)), /more than 63 bytes/);
  assert.equal(quoteName("é".repeat(31)).length, 33);
  assert.throws(() => quoteText("a\0b"), RangeError);
  await assert.rejects(admin.query("SELECT 1/0"), /division by zero \(SQLSTATE 22012\)/);
  assert.deepEqual(await admin.query("SELECT NULL AS nothing"), [{ nothing: null }]);
});

test("a role's name says whose it is and fits whatever the connection is called", () => {
  for (const name of ["orders", "a".repeat(253), "Ünïcode DB", "---", "x; drop"]) {
    assert.match(
      roleName({ namespace: "n", name }, "subject"),
      /^sp_[a-z0-9_]{1,24}_[0-9a-f]{10}_[0-9a-f]{8}$/,
    );
  }
  const ref = { namespace: "n", name: "orders" };
  assert.notEqual(roleName(ref, "a"), roleName(ref, "a"));
  assert.equal(roleName(ref, "a").slice(0, 20), roleName(ref, "a").slice(0, 20));
});

test("the server has to show a certificate for its name, from who is trusted", {
  skip: skipWithoutPostgres(18),
}, async (context) => {
  const authority = makeAuthority();
  const { certPem, keyPem } = authority.issue("IP:127.0.0.1", "DNS:db.example");
  const folder = mkdtempSync(join(tmpdir(), "sallyport-tls-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const { uid, gid } = serverAccount();
  chownSync(folder, uid, gid);
  for (const [name, pem] of [
    ["cert.pem", certPem],
    ["key.pem", keyPem],
  ] as const) {
    writeFileSync(join(folder, name), pem, { mode: 0o600 });
    chownSync(join(folder, name), uid, gid);
  }
  const server = await startServer(context, {
    ssl: "on",
    ssl_cert_file: `${folder}/cert.pem`,
    ssl_key_file: `${folder}/key.pem`,
  });
  const ca = { caPem: authority.certPem };
  for (const tls of [
    { mode: "verify-full", ...ca },
    { mode: "verify-full", serverName: "db.example", ...ca },
    { mode: "verify-ca", serverName: "other.example", ...ca },
  ] as const) {
    using admin = await connectAdministrator(login(server.port, tls), soon());
    assert.deepEqual(await admin.query("SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), [
      { ssl: "true" },
    ]);
  }
  const stop = new AbortController();
  using ended = await connectAdministrator(login(server.port, { mode: "verify-full", ...ca }), stop.signal);
  const sleeping = ended.query("SELECT pg_sleep(60)");
  stop.abort(new Error("enough"));
  await assert.rejects(sleeping, /gave up waiting/);
  for (const [tls, why] of [
    [{ mode: "verify-full" }, /certificate/],
    [{ mode: "verify-full", caPem: makeAuthority().certPem }, /certificate|signature/],
    [{ mode: "verify-ca", caPem: makeAuthority().certPem }, /certificate|signature/],
    [{ mode: "verify-full", serverName: "other.example", ...ca }, /does not match/],
  ] as const) {
    await assert.rejects(connectAdministrator(login(server.port, tls), soon()), why);
  }
  await assert.rejects(
    connectAdministrator(login(server.port, { mode: "disable" }, "wrong"), soon()),
    /password authentication failed/,
  );
});

type Answer = (socket: Socket, asked: Buffer) => void;

/** A server that answers the n-th thing it is told with the n-th of these. */
async function impostor(
  context: TestContext,
  ...answers: readonly Answer[]
): Promise<{ port: number; heard: Buffer[] }> {
  const heard: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let turn = 0;
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      heard.push(chunk);
      answers[turn]?.(socket, chunk);
      turn += 1;
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, heard };
}

const say =
  (...messages: readonly Uint8Array[]): Answer =>
  (socket) =>
    void socket.write(Buffer.concat(messages));
const sasl = say(message("R", int32(10), cstring("SCRAM-SHA-256"), Buffer.of(0)));
const challenge =
  (iterations: number, nonce = "MORE"): Answer =>
  (socket, asked) => {
    const client = /r=([^,\0]+)$/.exec(asked.toString("latin1"))?.[1] ?? "";
    socket.write(message("R", int32(11), Buffer.from(`r=${client}${nonce},s=c2FsdHNhbHQ=,i=${iterations}`)));
  };
const accept = message("R", int32(0));

const IMPOSTORS: Readonly<Record<string, { answers: readonly Answer[]; why: RegExp; tls?: true }>> = {
  "asks for the password": { answers: [say(message("R", int32(3)))], why: /wants the password itself/ },
  "asks for an MD5 of it": {
    answers: [say(message("R", int32(5), int32(1)))],
    why: /wants the password itself/,
  },
  "offers no SCRAM": {
    answers: [say(message("R", int32(10), cstring("PLAIN"), Buffer.of(0)))],
    why: /offers no SCRAM/,
  },
  "asks for a cheap proof": { answers: [sasl, challenge(1)], why: /not one to answer/ },
  "asks for endless work": { answers: [sasl, challenge(999_999_999)], why: /not one to answer/ },
  "does not continue the nonce": { answers: [sasl, challenge(4096, "")], why: /not one to answer/ },
  "does not know the verifier": {
    answers: [
      sasl,
      challenge(4096),
      say(message("R", int32(12), Buffer.from(`v=${Buffer.alloc(32).toString("base64")}`)), accept),
    ],
    why: /does not know the minter's verifier/,
  },
  "speaks something else": {
    answers: [say(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"))],
    why: /message|protocol/,
  },
  "sends a frame without end": {
    answers: [say(Buffer.from([0x52, 0x7f, 0xff, 0xff, 0xff]))],
    why: /message of type/,
  },
  "sends a negative length": {
    answers: [say(Buffer.from([0x52, 0xff, 0xff, 0xff, 0xff]))],
    why: /impossible length/,
  },
  "hangs up": { answers: [(socket) => socket.destroy()], why: /closed the connection|ECONNRESET/ },
  "has no TLS": { answers: [say(Buffer.from("N"))], why: /does not offer TLS/, tls: true },
  "puts words in before TLS": {
    answers: [say(Buffer.from("S"), accept)],
    why: /does not offer TLS/,
    tls: true,
  },
};

for (const [what, { answers, why, tls }] of Object.entries(IMPOSTORS)) {
  test(`a server that ${what} learns nothing`, async (context) => {
    const { port, heard } = await impostor(context, ...answers);
    const how = tls === true ? ({ mode: "verify-full" } as const) : ({ mode: "disable" } as const);
    await assert.rejects(connectAdministrator(login(port, how), soon()), why);
    assert.doesNotMatch(Buffer.concat(heard).toString("latin1"), /canary/);
  });
}

test("a server that says nothing is waited for as long as the signal lets, and no longer", async (context) => {
  const { port } = await impostor(context);
  const stop = new AbortController();
  const waiting = connectAdministrator(login(port), stop.signal);
  setImmediate(() => stop.abort(new Error("enough")));
  await assert.rejects(waiting, /gave up waiting|closed/);
  const silent = await impostor(context, say(Buffer.from("S")));
  const shaking = new AbortController();
  const handshake = connectAdministrator(login(silent.port, { mode: "verify-full" }), shaking.signal);
  while (silent.heard.length < 2) await new Promise(setImmediate);
  shaking.abort(new Error("enough"));
  await assert.rejects(handshake, /gave up waiting|closed|disconnected/);
  const mute = await impostor(context, (socket) => socket.end());
  await assert.rejects(
    connectAdministrator(login(mute.port, { mode: "verify-full" }), soon()),
    /does not offer TLS|hang up|ended/,
  );
  await assert.rejects(
    connectAdministrator(login(port), AbortSignal.abort(new Error("before"))),
    /gave up waiting|closed/,
  );
});

test("a limiter runs so many at once, in order, and gives up the place of who leaves", async () => {
  const two = limiter(2);
  const never = new AbortController().signal;
  const log: string[] = [];
  const gates = new Map<string, () => void>();
  const start = (name: string, signal = never) =>
    two.run(
      () =>
        new Promise<string>((resolve) => {
          log.push(name);
          gates.set(name, () => resolve(name));
        }),
      signal,
    );
  const a = start("a");
  const b = start("b");
  const leaving = new AbortController();
  const c = start("c", leaving.signal);
  const d = start("d");
  leaving.abort(new Error("left"));
  await assert.rejects(c, /left/);
  assert.deepEqual(log, ["a", "b"]);
  gates.get("a")?.();
  assert.equal(await a, "a");
  await new Promise(setImmediate);
  assert.deepEqual(log, ["a", "b", "d"]);
  gates.get("b")?.();
  gates.get("d")?.();
  assert.deepEqual(await Promise.all([b, d]), ["b", "d"]);
  await assert.rejects(
    two.run(() => Promise.reject(new Error("failed")), never),
    /failed/,
  );
  assert.equal(await two.run(() => Promise.resolve("free again"), never), "free again");
});
