/** How a session begins, and what comes before it does. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { readBackendKeyData, readParameterStatus } from "#core/wire/postgres/messages.ts";
import {
  cancelRequest,
  gssencRequest,
  PROTOCOL_3_2,
  sslRequest,
  startupMessage,
} from "#core/wire/postgres/startup.ts";
import {
  brief,
  errorOf,
  type Message,
  overSocket,
  Q,
  rawClient,
  type WireClient,
} from "#test/postgres/support/wire.ts";
import { hear, type Stage, tlsOf } from "../support/stage.ts";

const VERSION_3 = 0x30000;
const startup = (minor = 0, parameters: Readonly<Record<string, string>> = {}): Buffer =>
  startupMessage(VERSION_3 | minor, { user: "agent", ...parameters });

async function oneByte(socket: Socket, request: Buffer): Promise<string> {
  socket.write(request);
  const [answer] = (await once(socket, "data")) as [Buffer];
  return answer.toString("latin1");
}

function secured(stage: Stage, socket: Socket, options: ConnectionOptions = {}): TLSSocket {
  const tls = connectTls({ socket, ca: stage.authority.certPem, host: "127.0.0.1", ...options });
  tls.on("error", () => undefined);
  return tls;
}

/** Whether the handshake came to its end. */
function handshaken(tls: TLSSocket): Promise<boolean> {
  return new Promise((resolve) => {
    tls.once("secureConnect", () => resolve(true));
    tls.once("close", () => resolve(false));
  });
}

/** How a TLS handshake ends that nobody asked for first. */
async function directTls(stage: Stage, port: number, alpn: string[]): Promise<string> {
  const tls = secured(stage, connectTcp(port, "127.0.0.1"), { ALPNProtocols: alpn });
  let error = "";
  tls.on("error", (problem: NodeJS.ErrnoException) => (error = problem.code ?? problem.message));
  tls.on("secureConnect", () => tls.write(startup(0, { user: "postgres" })));
  const spoke = await new Promise<boolean>((resolve) => {
    tls.once("data", () => resolve(true));
    tls.once("close", () => resolve(false));
  });
  tls.destroy();
  if (spoke) return "speaks PostgreSQL";
  return /NO_APPLICATION_PROTOCOL/.test(error) ? "alert" : "closed";
}

/** Keeps what a server says before it is ready, without what differs from one session to the next. */
async function opening(client: WireClient): Promise<Message[]> {
  return client.until(({ type }) => type === "Z" || type === "E");
}

const keyOf = (heard: readonly Message[]) => {
  const key = heard.find(({ type }) => type === "K");
  assert.ok(key);
  return readBackendKeyData(key.bytes, 0, key.bytes.length);
};

async function sleepers({ admin }: Stage): Promise<unknown> {
  const [row] = await admin.query(
    "select count(*)::int as n from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'",
  );
  return row?.["n"];
}

async function untilSleeping(stage: Stage): Promise<void> {
  while ((await sleepers(stage)) !== 1) await pause(5);
}

export function startupTraps(there: () => Stage): void {
  test("trap 1: encryption may be asked for twice, in either order, on one socket", async () => {
    const stage = there();
    const withTls = await stage.gateway({ tls: tlsOf(stage) });
    for (const port of [stage.server.port, withTls.port]) {
      const socket = connectTcp(port, "127.0.0.1");
      assert.equal(await oneByte(socket, gssencRequest()), "N");
      assert.equal(await oneByte(socket, sslRequest()), "S");
      const tls = secured(stage, socket, { ALPNProtocols: ["postgresql"] });
      await once(tls, "secureConnect");
      const client = overSocket(tls);
      client.send(startup(0, { user: "postgres" }));
      assert.equal((await client.until(({ type }) => type === "R")).length, 1);
      client.close();
    }
    const socket = connectTcp(stage.open.port, "127.0.0.1");
    assert.equal(await oneByte(socket, sslRequest()), "N");
    assert.equal(await oneByte(socket, gssencRequest()), "N");
    const client = overSocket(socket);
    client.send(startup());
    assert.match(brief(await opening(client)), /Z\(I\)$/);
    client.close();
  });

  test("trap 1: a first packet has a kind, a length that can be, and an end", async () => {
    const { server, open } = there();
    const impossible = [
      Buffer.from([0, 0, 0, 7, 0, 3, 0, 0]),
      Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0]),
      startupMessage(2 << 16, { user: "agent" }),
      startupMessage(4 << 16, { user: "agent" }),
    ];
    // A server waits for some bytes more of the first, and reads over the end that the second lacks.
    const stricter = [
      Buffer.from([0, 0, 0x27, 0x11, 0, 3, 0, 0]),
      Buffer.concat([startup().subarray(0, -1), Buffer.from("x")]),
    ];
    for (const [{ port }, packets] of [
      [server, impossible],
      [open, [...impossible, ...stricter]],
    ] as const)
      for (const bytes of packets) {
        // What version 2 called an error has no length, so the bytes are looked at as they are.
        const socket = connectTcp(port, "127.0.0.1");
        const heard: Buffer[] = [];
        socket.on("error", () => undefined);
        socket.on("data", (chunk: Buffer) => heard.push(chunk));
        socket.write(bytes);
        if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
        assert.match(Buffer.concat(heard).toString("latin1"), /^(?:E|$)/, bytes.toString("hex"));
      }
  });

  test("trap 2: what stands in the clear before TLS is taken for nobody's word", async () => {
    const stage = there();
    const withTls = await stage.gateway({ tls: tlsOf(stage) });
    // Somebody in between puts his own startup behind the request of the client.
    for (const request of [sslRequest(), gssencRequest()]) {
      const client = await rawClient(withTls.port);
      client.send(request, startup());
      assert.equal(errorOf(await client.until(() => false)).get("C"), "08P01");
    }
    // And towards the upstream: his words behind the S of the server.
    const { server } = stage;
    const between = createServer((near) => {
      const far = connectTcp(server.port, "127.0.0.1");
      for (const socket of [near, far]) socket.on("error", () => undefined);
      near.pipe(far);
      far.once("data", (chunk: Buffer) => {
        near.write(Buffer.concat([chunk, startup()]));
        far.pipe(near);
      });
      near.on("close", () => far.destroy());
    }).listen(0, "127.0.0.1");
    await once(between, "listening");
    const { port } = between.address() as { port: number };
    const fooled = await stage.gateway({
      server: { port, password: server.password },
      upstreamTls: { mode: "verify-full", caPem: stage.authority.certPem },
    });
    const client = await rawClient(fooled.port);
    client.send(startup());
    const error = errorOf(await opening(client));
    between.close();
    assert.equal(error.get("C"), "08004");
    assert.match(error.get("M") ?? "", /in the clear/);
  });

  test("trap 3: TLS from the first byte only with the protocol's name, as a server of version 18 does", async () => {
    const stage = there();
    const withTls = await stage.gateway({ tls: tlsOf(stage) });
    const outcomes = async (port: number): Promise<string[]> => {
      const list: string[] = [];
      for (const alpn of [["postgresql"], [], ["http/1.1"], ["http/1.1", "postgresql"]])
        list.push(await directTls(stage, port, alpn));
      return list;
    };
    const expected = ["speaks PostgreSQL", "closed", "alert", "speaks PostgreSQL"];
    assert.deepEqual(await outcomes(withTls.port), expected);
    if (stage.version >= 17) assert.deepEqual(await outcomes(stage.server.port), expected);
    // Without TLS of its own there is nothing to begin with.
    assert.equal(await directTls(stage, stage.open.port, ["postgresql"]), "closed");
  });

  test("trap 3: a client that asks for TLS first may name no protocol, but no other one", async () => {
    const stage = there();
    const withTls = await stage.gateway({ tls: tlsOf(stage) });
    for (const [alpn, welcome] of [
      [[], true],
      [["postgresql"], true],
      [["http/1.1"], false],
    ] as const) {
      const socket = connectTcp(withTls.port, "127.0.0.1");
      assert.equal(await oneByte(socket, sslRequest()), "S");
      const tls = secured(stage, socket, { ALPNProtocols: [...alpn] });
      assert.equal(await handshaken(tls), welcome, alpn.join());
      tls.destroy();
    }
  });

  test("trap 4: every minor version is answered as a server of version 18 answers it", async () => {
    const { server, open, version } = there();
    const told = async (port: number, minor: number, parameters: Record<string, string>, user: string) => {
      const client = await rawClient(port);
      client.send(startup(minor, { ...parameters, user }));
      const first = (await client.until(({ type }) => type === "R")).find(({ type }) => type === "v");
      client.close();
      return first?.bytes.toString("hex") ?? "nothing";
    };
    for (const minor of [0, 2, 3, 9999])
      for (const parameters of [{}, { "_pq_.unknown": "1" }, { "_pq_.a": "1", "_pq_.b": "2" }]) {
        const ours = await told(open.port, minor, parameters, "agent");
        if (version >= 18)
          assert.equal(ours, await told(server.port, minor, parameters, "postgres"), `3.${minor}`);
        assert.equal(ours === "nothing", minor <= 2 && Object.keys(parameters).length === 0);
      }
  });

  test("trap 4: keys are the gateway's own, of the length of the version, and cancel this session only", async () => {
    const stage = there();
    const { open, admin } = stage;
    for (const [minor, keyBytes] of [
      [0, 4],
      [1, 4],
      [2, 32],
      [9999, 32],
    ] as const) {
      const client = await rawClient(open.port);
      client.send(startup(minor));
      const { processId, key } = keyOf(await opening(client));
      assert.equal(key.length, keyBytes);
      const [row] = await admin.query("select count(*)::int as n from pg_stat_activity where pid = $1", [
        processId,
      ]);
      assert.equal(row?.["n"], 0, "the process of the upstream is shown");
      client.send(Q("select pg_sleep(60)"));
      await untilSleeping(stage);
      for (const wrong of [
        Buffer.alloc(keyBytes),
        key.subarray(0, keyBytes - 1),
        Buffer.concat([key, Buffer.of(0)]),
        Buffer.alloc(256, 7),
      ]) {
        const stranger = await rawClient(open.port);
        stranger.send(cancelRequest(processId, wrong));
        // No answer, whatever it was.
        assert.deepEqual(await stranger.until(() => false), []);
      }
      assert.equal(await sleepers(stage), 1);
      const canceller = await rawClient(open.port);
      canceller.send(cancelRequest(processId, key));
      assert.deepEqual(await canceller.until(() => false), []);
      assert.equal(brief(await client.untilReady()), "T E(57014) Z(I)");
      client.close();
    }
  });

  test("trap 4: a cancel that comes over TLS, as clients of version 17 send it", async () => {
    const stage = there();
    const withTls = await stage.gateway({ tls: tlsOf(stage) });
    const client = await rawClient(withTls.port);
    client.send(startupMessage(PROTOCOL_3_2, { user: "agent" }));
    const { processId, key } = keyOf(await opening(client));
    client.send(Q("select pg_sleep(60)"));
    await untilSleeping(stage);
    const socket = connectTcp(withTls.port, "127.0.0.1");
    assert.equal(await oneByte(socket, sslRequest()), "S");
    const tls = secured(stage, socket, { ALPNProtocols: ["postgresql"] });
    await once(tls, "secureConnect");
    tls.write(cancelRequest(processId, key));
    assert.equal(brief(await client.untilReady()), "T E(57014) Z(I)");
    client.close();
    tls.destroy();
  });

  test("trap 7: what a server reports is what a client is told, names of the upstream aside", async () => {
    const { open, version } = there();
    const reported = (heard: readonly Message[]): Map<string, string> =>
      new Map(
        heard
          .filter(({ type }) => type === "S")
          .map(({ bytes }) => readParameterStatus(bytes, 0, bytes.length))
          .map(({ name, value }) => [name, value]),
      );
    const straight = await rawClient(open.port);
    straight.send(startup());
    const told = reported(await opening(straight));
    assert.equal(told.get("server_version")?.split(".")[0], String(version));
    assert.equal(told.get("session_authorization"), "agent");
    assert.equal(told.get("client_encoding"), "UTF8");
    assert.equal(told.get("standard_conforming_strings"), "on");
    assert.equal(told.has("search_path"), version >= 18);
    for (const name of ["is_superuser", "DateStyle", "TimeZone", "integer_datetimes", "IntervalStyle"])
      assert.ok(told.has(name), name);
    const changed = reported(
      await hear(straight, Q("set timezone to 'Asia/Tokyo'; set search_path to pg_catalog, public")),
    );
    assert.equal(changed.get("TimeZone"), "Asia/Tokyo");
    assert.equal(changed.get("search_path"), version >= 18 ? "pg_catalog, public" : undefined);
    straight.close();
  });
}
