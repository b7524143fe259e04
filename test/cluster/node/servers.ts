/** Servers of a test on the host, for what runs on the node. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, createServer as createPlainServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { Server } from "node:net";
import { json } from "node:stream/consumers";
import type { Certified } from "#runtime/certificate/make.ts";

export interface Listening extends AsyncDisposable {
  readonly port: number;
}

/** Answers with the address of who asks. */
export function startMirror(address: string): Promise<Listening> {
  return listen(
    createPlainServer((request, response) => void response.end(request.socket.remoteAddress)),
    address,
  );
}

/** A webhook that refuses everything and says as whom it was asked about what. */
export function startRefuser(
  { certificatePem: cert, keyPem: key }: Certified,
  address: string,
): Promise<Listening> {
  const server = createSecureServer({ cert, key }, (request, response) => {
    refusalOf(request).then(
      (refusal) => response.setHeader("content-type", "application/json").end(refusal),
      (error: Error) => response.destroy(error),
    );
  });
  return listen(server, address);
}

async function refusalOf(incoming: IncomingMessage): Promise<string> {
  const { request } = (await json(incoming)) as { request: { uid: string; name: string } };
  const message = `${incoming.headers.host} was asked about ${request.name}`;
  const response = { uid: request.uid, allowed: false, status: { message } };
  return JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response });
}

async function listen(server: Server, address: string): Promise<Listening> {
  server.listen(0, address);
  await once(server, "listening");
  const bound = server.address();
  assert.ok(typeof bound === "object" && bound !== null);
  return {
    port: bound.port,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}
