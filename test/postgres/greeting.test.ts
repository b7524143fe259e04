/** How clients are let in, and what strangers try at the door. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { connect as connectTls, createSecureContext, type TLSSocket } from "node:tls";
import { setTimeout as pause } from "node:timers/promises";
import { serialize } from "pg-protocol";
import { refusal } from "#core/values/refusal.ts";
import { readAuthentication } from "#core/wire/postgres/messages.ts";
import { greetClient } from "#sidecar/protocols/postgres/greeting.ts";
import {
  cancelRequest,
  gssencRequest,
  PROTOCOL_3_0,
  PROTOCOL_3_2,
  sslRequest,
  startupMessage,
} from "#core/wire/postgres/startup.ts";
import { startPostgres, type PostgresServer } from "#tools/postgres/server.ts";
import { makeAuthority } from "#test/support/certificates.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { brief, errorOf, overSocket, Q, rawClient, type WireClient, wireClient } from "./support/wire.ts";

const TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln";

describe("the door", { skip: skipWithoutPostgres(18) }, () => {
  const authority = makeAuthority();
  const own = authority.issue("DNS:localhost", "IP:127.0.0.1");
  const tls = createSecureContext({ cert: own.certPem, key: own.keyPem });
  const seen: { presentedSecret: string | undefined; token: string }[] = [];
  let server: PostgresServer;
  let plain: Gateway;
  let secure: Gateway;
  before(async () => {
    server = await startPostgres({ version: 18, tcp: true });
    plain = await startGateway({ server });
    secure = await startGateway({
      server,
      tls,
      identity: "perClient",
      onGreeting: (greeting) => {
        seen.push(greeting);
        return greeting.token === TOKEN ? undefined : refusal("IDENTITY_INVALID");
      },
    });
  });
  after(async () => {
    await plain?.[Symbol.asyncDispose]();
    await secure?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  const startup = (parameters: Readonly<Record<string, string>> = {}): Buffer =>
    startupMessage(PROTOCOL_3_0, { user: "agent", ...parameters });

  /** What the client is told at last. */
  const told = async (port: number, ...bytes: readonly Buffer[]): Promise<ReadonlyMap<string, string>> => {
    const client = await rawClient(port);
    client.send(...bytes);
    return errorOf(await client.until(({ type }) => type === "E" || type === "Z"));
  };

  const overTls = async (
    port: number,
    options: { direct?: boolean; alpn?: string[] } = {},
  ): Promise<WireClient> => {
    const socket = connectTcp(port, "127.0.0.1");
    if (options.direct !== true) {
      socket.write(sslRequest());
      const [answer] = (await once(socket, "data")) as [Buffer];
      assert.equal(answer.toString(), "S");
    }
    const secured: TLSSocket = connectTls({
      socket,
      ca: authority.certPem,
      host: "127.0.0.1",
      ALPNProtocols: options.alpn ?? ["postgresql"],
    });
    await once(secured, "secureConnect");
    return overSocket(secured);
  };

  test("encryption that is not offered is declined, and the client may go on in the clear", async () => {
    const socket = connectTcp(plain.port, "127.0.0.1");
    for (const request of [gssencRequest(), sslRequest()]) {
      socket.write(request);
      assert.equal(((await once(socket, "data")) as [Buffer])[0].toString(), "N");
    }
    const client = overSocket(socket);
    client.send(startup());
    assert.match(brief(await client.untilReady()), /^R (?:S )+K Z\(I\)$/);
    client.close();
  });

  test("what a client sends in the same breath as its startup is for the session", async () => {
    const client = await rawClient(plain.port);
    client.send(Buffer.concat([startup(), Q("select 1"), serialize.end()]));
    assert.match(brief(await client.untilReady()), /^R (?:S )+K Z\(I\)$/);
    assert.equal(brief(await client.untilReady()), "T D C(SELECT 1) Z(I)");
    // Hung up, as asked.
    assert.equal(brief(await client.until(() => false)), "");
  });

  test("TLS by request and TLS from the first byte", async () => {
    for (const direct of [false, true]) {
      const client = await overTls(secure.port, { direct });
      client.send(startup());
      const [request] = await client.until(({ type }) => type === "R");
      assert.equal(request && readAuthentication(request.bytes, 0, request.bytes.length).kind, 3);
      client.send(serialize.password(TOKEN));
      assert.match(brief(await client.untilReady()), /^R (?:S )+K Z\(I\)$/);
      assert.equal(await client.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
      assert.deepEqual(seen.at(-1), { presentedSecret: undefined, token: TOKEN });
      client.close();
    }
  });

  test("TLS from the first byte needs the name of the protocol", async () => {
    const socket = connectTcp(secure.port, "127.0.0.1");
    const secured = connectTls({ socket, ca: authority.certPem, host: "127.0.0.1" });
    secured.on("error", () => undefined);
    secured.write(startup());
    await once(secured, "close");
    const wrong = connectTls({
      port: secure.port,
      host: "127.0.0.1",
      ca: authority.certPem,
      ALPNProtocols: ["http/1.1"],
    });
    await assert.rejects(
      once(wrong, "secureConnect"),
      /alert no application protocol|ECONNRESET|hang up|disconnected/,
    );
  });

  test("a token in the clear is never asked for", async () => {
    assert.deepEqual([...(await told(secure.port, startup()))].slice(0, 3), [
      ["S", "FATAL"],
      ["V", "FATAL"],
      ["C", "28000"],
    ]);
  });

  test("a password that is no token is refused, and is known for what it is", async () => {
    const client = await overTls(secure.port);
    client.send(startup());
    await client.until(({ type }) => type === "R");
    client.send(serialize.password("hunter2"));
    assert.equal(errorOf(await client.until(() => false)).get("C"), "28P01");
    assert.equal(seen.at(-1)?.presentedSecret, "a password in the startup of PostgreSQL");
  });

  test("bytes in the clear before TLS are refused (CVE-2021-23214)", async () => {
    // The attacker's startup rides behind the request, to be taken for what came through TLS.
    const client = await rawClient(secure.port);
    client.send(sslRequest(), startup());
    const heard = await client.until(() => false);
    assert.equal(errorOf(heard).get("C"), "08P01");
    assert.doesNotMatch(brief(heard), /R/);
  });

  test("encryption cannot be asked for inside encryption, or without end", async () => {
    const client = await overTls(secure.port);
    client.send(sslRequest());
    assert.equal(errorOf(await client.until(() => false)).get("C"), "08P01");
    const socket = connectTcp(plain.port, "127.0.0.1");
    for (let count = 0; count < 4; count += 1) {
      socket.write(gssencRequest());
      await once(socket, "data");
    }
    await once(socket.resume(), "close");
  });

  test("every version of protocol 3 is answered as PostgreSQL does", async () => {
    const opening = async (minor: number, parameters = {}): Promise<string> => {
      const client = await rawClient(plain.port);
      client.send(startupMessage(0x30000 | minor, { user: "agent", ...parameters }));
      const heard = brief(await client.untilReady());
      client.close();
      return heard;
    };
    assert.match(await opening(0), /^R S/);
    assert.match(await opening(2), /^R S/);
    assert.match(await opening(9999), /^v R S/);
    assert.match(await opening(2, { "_pq_.unknown": "1" }), /^v R S/);
  });

  test("what cannot be a startup packet is told so", async () => {
    for (const bytes of [
      Buffer.from([0x7f, 0xff, 0xff, 0xff]),
      Buffer.from("GET / HTTP/1.1\r\n\r\n"),
      startupMessage(2 << 16, { user: "agent" }),
      startupMessage(PROTOCOL_3_0, { database: "postgres" }),
    ])
      assert.equal((await told(plain.port, bytes)).get("S"), "FATAL", bytes.toString("latin1"));
  });

  test("a startup packet in pieces is put together", async () => {
    const client = await rawClient(plain.port);
    for (const byte of startup()) {
      client.send(Buffer.of(byte));
      await pause(1);
    }
    assert.match(brief(await client.untilReady()), /Z\(I\)$/);
    client.close();
  });

  test("settings that are safe are carried, the others are refused by name", async () => {
    const shown = async (parameters: Readonly<Record<string, string>>, setting: string): Promise<string> => {
      const client = await wireClient(plain.port, { parameters });
      client.send(Q(`show ${setting}`));
      const row = (await client.untilReady()).find(({ type }) => type === "D");
      client.close();
      return row?.bytes.toString("utf8", 11) ?? "";
    };
    assert.equal(await shown({ DateStyle: "German" }, "datestyle"), "German, DMY");
    assert.equal(
      await shown({ options: "-c statement_timeout=5s --search-path=other" }, "statement_timeout"),
      "5s",
    );
    assert.equal(await shown({ client_encoding: "'utf-8'" }, "client_encoding"), "UTF8");
    assert.equal(await shown({ application_name: "report" }, "application_name"), "sallyport:test report");
    for (const parameters of [
      { replication: "database" },
      { options: "-c standard_conforming_strings=off" },
      { options: "-c session_authorization=postgres" },
      { options: "-c role=postgres" },
      { session_replication_role: "replica" },
      { client_encoding: "SJIS" },
      { options: "-d 5" },
    ])
      assert.equal(
        (await told(plain.port, startup(parameters))).get("C"),
        "0A000",
        JSON.stringify(parameters),
      );
  });

  test("another database than the connection's is refused; the user's name as database means none", async () => {
    assert.equal((await told(plain.port, startup({ database: "template1" }))).get("C"), "3D000");
    for (const database of ["postgres", "agent"]) {
      const client = await wireClient(plain.port, { parameters: { database } });
      client.close();
    }
  });

  test("a client that says nothing, or leaves, costs nothing", async () => {
    const before = plain.ends.length;
    for (const bytes of [Buffer.alloc(0), startup().subarray(0, 9)]) {
      const client = await rawClient(plain.port);
      client.send(bytes);
      client.socket.resetAndDestroy();
    }
    const client = await wireClient(plain.port);
    client.close();
    await plain.ended(before + 1);
    assert.equal(plain.ends.length, before + 1);
  });

  test("protocol 3.2 gets a long key, 3.0 a short one, and neither is the upstream's", async () => {
    for (const [version, length] of [
      [PROTOCOL_3_0, 13],
      [PROTOCOL_3_2, 41],
    ] as const) {
      const client = await rawClient(plain.port);
      client.send(startupMessage(version, { user: "agent" }));
      const key = (await client.untilReady()).find(({ type }) => type === "K");
      assert.equal(key?.bytes.length, length);
      client.close();
    }
  });
});

test("what fails in the gateway itself is thrown, and not taken for something that a client did", async () => {
  for (const fails of [true, false]) {
    const listener = createServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    const socket = connectTcp((listener.address() as AddressInfo).port, "127.0.0.1");
    const [door] = (await once(listener, "connection")) as [Socket];
    const settings = {
      listener: "test",
      identity: "ambient",
      tls: undefined,
      progressed: () => undefined,
      cancel: () => {
        if (fails) throw new RangeError("of our own");
      },
      cancelKey: (length: number) => new Uint8Array(length),
    } as const;
    const connect = (): never => assert.fail("nobody is to be connected");
    const greeted = greetClient(door, settings, new AbortController().signal, connect);
    socket.write(cancelRequest(1, Buffer.alloc(4)));
    if (fails) await assert.rejects(greeted, /of our own/);
    else assert.equal(await greeted, undefined);
    await once(socket.resume(), "close");
    listener.close();
  }
});
