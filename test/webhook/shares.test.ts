/** Somebody on the network who keeps the port busy, and the API server that is answered all the same. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { ClientRequest } from "node:http";
import { request } from "node:https";
import { type Socket, connect } from "node:net";
import { describe, test } from "node:test";
import type { AdmissionServer } from "#operator/admission/server/server.ts";
import { openShares } from "#operator/admission/server/shares.ts";
import { eventually } from "#test/chart/support/wait.ts";
import { ask, authority, openPort, responseIn, review } from "./support/admission-port.ts";

const ATTACKER = "127.0.0.2";

/** Says that it will send so much, and does not. */
function stall({ port }: AdmissionServer, bytes: number): ClientRequest {
  const sent = request({
    host: "127.0.0.1",
    localAddress: ATTACKER,
    port,
    ca: authority.certificatePem,
    path: "/mutate/pods",
    method: "POST",
    agent: false,
    headers: { "content-type": "application/json", "content-length": String(bytes) },
  });
  sent.on("error", () => undefined);
  sent.write("{");
  return sent;
}

describe("whoever keeps the admission port busy", () => {
  test("with bodies that do not come leaves room for the API server", async () => {
    const bodyBytes = 100_000;
    await using port = await openPort({}, { limits: { bodyBytes, bodyBytesInFlight: 4 * bodyBytes } });
    const stalled = Array.from({ length: 8 }, () => stall(port.server, bodyBytes));
    const answers = stalled.map(async (each) => (await once(each, "response"))[0] as { statusCode: number });
    // Its own share is used up: some of its requests are turned away while the others are waited for.
    assert.equal((await Promise.race(answers)).statusCode, 503);
    const heard = await ask(port.server, { body: review() });
    assert.equal(responseIn(heard).allowed, true);
    for (const each of stalled) each.destroy();
    await Promise.allSettled(answers);
  });

  test("with connections that say nothing leaves room for the API server", async () => {
    await using port = await openPort({}, { limits: { connections: 8 } });
    const open = await Promise.all(
      Array.from({ length: 32 }, async () => {
        const socket: Socket = connect({ host: "127.0.0.1", port: port.server.port, localAddress: ATTACKER });
        socket.on("error", () => undefined);
        await once(socket, "connect");
        return socket;
      }),
    );
    await eventually(
      async () => (open.filter(({ closed }) => closed).length === 28 ? true : undefined),
      () => `${open.filter(({ closed }) => closed).length} of 32 were closed`,
    );
    const heard = await ask(port.server, { body: review() });
    assert.equal(responseIn(heard).allowed, true);
    for (const socket of open) socket.destroy();
  });

  test("gets back what it gives back, and nothing is kept of it", () => {
    const shares = openShares(10);
    const first = shares.take("one", 5);
    assert.ok(first !== undefined);
    assert.equal(shares.take("one", 1), undefined);
    const second = shares.take("other", 5);
    assert.ok(second !== undefined);
    assert.equal(shares.take("third", 1), undefined);
    first();
    second();
    assert.equal(shares.taken, 0);
    assert.ok(shares.take("one", 5) !== undefined);
  });
});
