/** Peers that come a step further each time, or never, in real time: each is waited for, and none for ever. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { PROTOCOL_3_0, sslRequest, startupMessage } from "#core/wire/postgres/startup.ts";
import type { MetricSamples } from "#runtime/metrics.ts";
import { startRig, until } from "#test/gateway/support/in-process.ts";
import { overSocket, Q } from "#test/postgres/support/wire.ts";
import { makeAuthority } from "#test/support/certificates.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";

const STARTUP = startupMessage(PROTOCOL_3_0, { user: "agent" });
const GREETED_MS_MAX = 90_000;

async function wished(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined).write(sslRequest());
  const [answer] = (await once(socket, "data")) as [Buffer];
  assert.equal(answer.toString(), "S");
  return socket;
}

async function secured(port: number, ca: string, afterMs: number): Promise<TLSSocket> {
  const raw = await wished(port);
  await pause(afterMs);
  const socket = connectTls({ socket: raw, ca, servername: "localhost" });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  return socket;
}

test("peers that are slow", { skip: skipWithoutPostgres(18) }, async (context) => {
  const authority = makeAuthority();
  const rig = await startRig(context, { tls: authority.issue("DNS:localhost") });
  const timedOut = async (): Promise<number> => {
    const metrics = JSON.parse(await rig.plane.metrics()) as readonly MetricSamples[];
    return metrics
      .filter(({ name }) => name === "sallyport_clients_refused_total")
      .flatMap(({ values }) => values)
      .filter(({ labels }) => labels["code"] === "CLIENT_TIMEOUT")
      .reduce((sum, { value }) => sum + value, 0);
  };

  const served = context.test(
    "longer than a silent one is waited for, at each step: it is served",
    async () => {
      const socket = await secured(rig.port, authority.certPem, 10_000);
      await pause(10_000);
      const client = overSocket(socket);
      client.send(STARTUP);
      await client.untilReady();
      assert.equal(await client.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
      client.close();
    },
  );

  const left = context.test(
    "half of a handshake, half of a startup, and a byte now and then: CLIENT_TIMEOUT",
    async () => {
      const silent = await wished(rig.port);
      const half = await secured(rig.port, authority.certPem, 5_000);
      half.write(STARTUP.subarray(0, 9));
      const dribbling = await secured(rig.port, authority.certPem, 5_000);
      const sending = (async () => {
        for (let at = 0; !dribbling.destroyed && at < STARTUP.length - 1; at += 1) {
          dribbling.write(STARTUP.subarray(at, at + 1));
          await pause(1_000);
        }
      })();
      for (const socket of [silent, half, dribbling]) socket.resume();
      await until(async () => (await timedOut()) === 3, GREETED_MS_MAX);
      await until(() => [silent, half, dribbling].every(({ destroyed }) => destroyed));
      await sending;
    },
  );

  await Promise.all([served, left]);
  await until(() => rig.plane.gateway.sessionCount === 0);
});
