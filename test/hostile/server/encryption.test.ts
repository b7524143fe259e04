/** An upstream, or somebody before it, that would have weak encryption: it does not even hear who calls. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls";
import { PROTOCOL_3_0, sslRequest, startupMessage } from "#core/wire/postgres/startup.ts";
import { makeRsaCertificate } from "#test/support/certificates.ts";
import { startGateway } from "#test/postgres/support/gateway.ts";
import { errorOf, rawClient } from "#test/postgres/support/wire.ts";
import { LAX, STRONG_OFFERS, type TlsOffer, WEAK_OFFERS } from "../support/weak-tls.ts";

const certificate = makeRsaCertificate("IP:127.0.0.1");
const STARTUP = startupMessage(PROTOCOL_3_0, { user: "agent" });

/** Speaks TLS as it is told, and keeps what it then hears. */
async function startUpstream(offer: TlsOffer) {
  const secureContext = createSecureContext({ cert: certificate.certPem, key: certificate.keyPem, ...offer });
  let heard = "";
  const listener = createServer((raw) => {
    raw.on("error", () => undefined);
    raw.once("data", () => {
      raw.write("S");
      const socket = new TLSSocket(raw, { isServer: true, secureContext, ALPNProtocols: ["postgresql"] });
      socket.on("error", () => undefined);
      socket.on("data", (chunk: Buffer) => {
        heard += chunk.toString("latin1");
        socket.end();
      });
    });
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    port: (listener.address() as { port: number }).port,
    heard: () => heard,
    [Symbol.dispose]: () => void listener.close(),
  };
}

/** The way of a client that looks at nothing. */
async function callLaxly(port: number): Promise<void> {
  const raw = connect(port, "127.0.0.1");
  raw.write(sslRequest());
  await once(raw, "data");
  const socket = connectTls({ socket: raw, rejectUnauthorized: false, ...LAX });
  await once(socket, "secureConnect");
  socket.write(STARTUP);
  await once(socket.resume(), "close");
}

async function callThroughGateway(port: number): Promise<string> {
  await using gateway = await startGateway({
    server: { port, password: "canary-password" },
    user: "orders_agent",
    upstreamTls: { mode: "verify-full", caPem: certificate.certPem },
  });
  const client = await rawClient(gateway.port);
  client.send(STARTUP);
  return errorOf(await client.until(({ type }) => type === "E")).get("D") ?? "";
}

for (const [what, offer] of Object.entries(WEAK_OFFERS))
  test(`an upstream that offers ${what}: UPSTREAM_UNTRUSTED, though others would talk to it`, async () => {
    using lured = await startUpstream(offer);
    await callLaxly(lured.port);
    assert.match(lured.heard(), /user\0agent/);
    using upstream = await startUpstream(offer);
    assert.match(await callThroughGateway(upstream.port), /: UPSTREAM_UNTRUSTED\./);
    assert.equal(upstream.heard(), "");
  });

for (const [what, offer] of Object.entries(STRONG_OFFERS))
  test(`an upstream that offers ${what}: it hears who calls`, async () => {
    using upstream = await startUpstream(offer);
    assert.match(await callThroughGateway(upstream.port), /: UPSTREAM_UNREACHABLE\./);
    assert.match(upstream.heard(), /user\0orders_agent/);
  });
