/** A client, or somebody between it and the gateway, that would have weak encryption: there is no session by it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test, type TestContext } from "node:test";
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls";
import { PROTOCOL_3_0, sslRequest, startupMessage } from "#core/wire/postgres/startup.ts";
import { startRig, until } from "#test/gateway/support/in-process.ts";
import { overSocket, Q } from "#test/postgres/support/wire.ts";
import { makeRsaCertificate } from "#test/support/certificates.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { LAX, STRONG_OFFERS, type TlsOffer, WEAK_OFFERS } from "../support/weak-tls.ts";

const certificate = makeRsaCertificate("IP:127.0.0.1");

/** The socket when both sides have agreed, else what was in the way. */
async function agreed(port: number, offer: TlsOffer): Promise<TLSSocket | string> {
  const raw = connect(port, "127.0.0.1");
  raw.write(sslRequest());
  const [answer] = (await once(raw, "data")) as [Buffer];
  assert.equal(answer.toString(), "S");
  const socket = connectTls({ socket: raw, rejectUnauthorized: false, ...offer });
  try {
    await once(socket, "secureConnect");
    return socket;
  } catch (error) {
    socket.destroy();
    return String((error as NodeJS.ErrnoException).code);
  }
}

/** A server that takes whatever there is. */
async function startLax(context: TestContext): Promise<number> {
  const secureContext = createSecureContext({ cert: certificate.certPem, key: certificate.keyPem, ...LAX });
  const listener = createServer((raw) => {
    raw.on("error", () => undefined);
    raw.once("data", () => {
      raw.write("S");
      new TLSSocket(raw, { isServer: true, secureContext }).on("error", () => undefined);
    });
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  context.after(() => listener.close());
  return (listener.address() as { port: number }).port;
}

test("what a client may agree on", { skip: skipWithoutPostgres(18) }, async (context) => {
  const rig = await startRig(context, { tls: certificate });
  const lax = await startLax(context);

  for (const [what, offer] of Object.entries(WEAK_OFFERS))
    await context.test(`${what}: not with the gateway, though others take it`, async () => {
      const other = await agreed(lax, offer);
      if (!(other instanceof TLSSocket)) assert.fail(`the attack does not work at all: ${other}`);
      other.destroy();
      assert.equal(typeof (await agreed(rig.port, offer)), "string");
      await until(() => rig.plane.gateway.sessionCount === 0);
    });

  for (const [what, offer] of Object.entries(STRONG_OFFERS))
    await context.test(`${what}: served`, async () => {
      const socket = await agreed(rig.port, offer);
      if (!(socket instanceof TLSSocket)) assert.fail(socket);
      const client = overSocket(socket);
      client.send(startupMessage(PROTOCOL_3_0, { user: "agent" }));
      await client.untilReady();
      assert.equal(await client.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
      client.close();
    });
});
