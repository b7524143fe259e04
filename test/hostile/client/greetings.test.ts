/** Strangers whose greeting is none: they are told, counted by what was wrong, and nobody else has anything to do with it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { cstring, int32 } from "#core/wire/postgres/fields.ts";
import { gssencRequest, PROTOCOL_3_0, sslRequest, startupMessage } from "#core/wire/postgres/startup.ts";
import { startRig, until } from "#test/gateway/support/in-process.ts";
import type { MetricSamples } from "#runtime/metrics.ts";
import { errorOf, overSocket, Q, rawClient, wireClient } from "#test/postgres/support/wire.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";

const startup = (...body: readonly Buffer[]): Buffer => {
  const bytes = Buffer.concat([int32(PROTOCOL_3_0), ...body, Buffer.of(0)]);
  return Buffer.concat([int32(bytes.length + 4), bytes]);
};
const pair = (name: string, value: string): Buffer => Buffer.concat([cstring(name), cstring(value)]);

const GREETINGS: Readonly<Record<string, readonly [code: string, Buffer]>> = {
  "a length of a gigabyte": ["CLIENT_PROTOCOL", int32(1024 ** 3)],
  "a length below nothing": ["CLIENT_PROTOCOL", int32(-1)],
  "another protocol": ["CLIENT_PROTOCOL", Buffer.from("GET / HTTP/1.1\r\nHost: orders\r\n\r\n")],
  "a query in the clear behind a wish for TLS": [
    "CLIENT_PROTOCOL",
    Buffer.concat([sslRequest(), startupMessage(PROTOCOL_3_0, { user: "agent" }), Q("select 1")]),
  ],
  "two users": ["CLIENT_PROTOCOL", startup(pair("user", "agent"), pair("user", "postgres"))],
  "no user": ["CLIENT_PROTOCOL", startup(pair("database", "postgres"))],
  "a value that does not end": ["CLIENT_PROTOCOL", startup(cstring("user"), Buffer.from("agent"))],
  "other strings by options": [
    "NOT_SUPPORTED",
    startupMessage(PROTOCOL_3_0, { user: "agent", options: "-c standard_conforming_strings=off" }),
  ],
  "another role by options": [
    "NOT_SUPPORTED",
    startupMessage(PROTOCOL_3_0, { user: "agent", options: "-crole=postgres" }),
  ],
  "another role by name": [
    "NOT_SUPPORTED",
    startupMessage(PROTOCOL_3_0, { user: "agent", RoLe: "postgres" }),
  ],
  "another encoding": [
    "NOT_SUPPORTED",
    startupMessage(PROTOCOL_3_0, { user: "agent", client_encoding: "SJIS" }),
  ],
  "the log of changes": [
    "NOT_SUPPORTED",
    startupMessage(PROTOCOL_3_0, { user: "agent", replication: "database" }),
  ],
};

test("greetings that are none", { skip: skipWithoutPostgres(18) }, async (context) => {
  const rig = await startRig(context);
  const counted = async (code: string): Promise<number> => {
    const metrics = JSON.parse(await rig.plane.metrics()) as readonly MetricSamples[];
    // Which settings a session may have is decided when it has been opened.
    const counters = ["sallyport_clients_refused_total", "sallyport_sessions_ended_total"];
    const values = metrics.filter(({ name }) => counters.includes(name)).flatMap((metric) => metric.values);
    return values.filter(({ labels }) => labels["code"] === code).reduce((sum, { value }) => sum + value, 0);
  };

  // They are waited for while the others have their turn.
  const late = [await rawClient(rig.port), await rawClient(rig.port)];
  late[1]?.send(int32(100));
  const left = Promise.all(late.map((client) => client.until(() => false)));
  // The twin of both: slow as it is, it comes further, and takes longer than either is waited for.
  const slow = slowly(rig.port);
  // And whoever only looks whether somebody listens is no incident.
  (await rawClient(rig.port)).close();

  for (const [what, [code, bytes]] of Object.entries(GREETINGS))
    await context.test(`${what}: ${code}`, async () => {
      const before = await counted(code);
      const client = await rawClient(rig.port);
      client.send(bytes);
      const heard = await client.until(({ type }) => type === "E");
      assert.match(errorOf(heard).get("D") ?? "", new RegExp(`: ${code}\\.`));
      client.close();
      await until(async () => (await counted(code)) === before + 1);
      await until(() => rig.plane.gateway.sessionCount <= late.length + 1);
    });

  await context.test("the nearest that is honest is served", async () => {
    const parameters = { options: "-c statement_timeout=5s", client_encoding: "utf-8" };
    const client = await wireClient(rig.port, { parameters });
    assert.equal(await client.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
    client.close();
  });

  await context.test("silence, and a greeting that does not go on: CLIENT_TIMEOUT", async () => {
    assert.deepEqual(await left, [[], []]);
    await until(async () => (await counted("CLIENT_TIMEOUT")) === late.length);
    assert.equal(await slow, "T D C(SELECT 1) Z(I)");
    await until(() => rig.plane.gateway.sessionCount === 0);
  });
});

const SLOW_STEP_MS = 4_500;

async function slowly(port: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  for (const request of [sslRequest(), gssencRequest()]) {
    socket.write(request);
    const [answer] = (await once(socket, "data")) as [Buffer];
    assert.equal(answer.toString(), "N");
    await pause(SLOW_STEP_MS);
  }
  const client = overSocket(socket);
  client.send(startupMessage(PROTOCOL_3_0, { user: "agent" }));
  await client.untilReady();
  const heard = await client.talk(Q("select 1"));
  client.close();
  return heard;
}
