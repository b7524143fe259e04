/** The packets that open a connection. They have a length but no type byte, so they are read before any frame. */
import { BodyReader, cstring, int32, MalformedMessage } from "./fields.ts";

/** As PostgreSQL's `MAX_STARTUP_PACKET_LENGTH`. */
export const STARTUP_BYTES_MAX = 10_000;
/** The longest key of protocol 3.2. */
export const CANCEL_KEY_BYTES_MAX = 256;

const SSL_REQUEST = 80877103;
const GSSENC_REQUEST = 80877104;
const CANCEL_REQUEST = 80877102;

export const PROTOCOL_3_0 = 196_608;
export const PROTOCOL_3_2 = 196_610;

/** First byte of a TLS handshake record: a client that begins so wants TLS without asking. */
export const TLS_HANDSHAKE_BYTE = 0x16;
/** What both sides must agree on when TLS comes without an SSLRequest. */
export const ALPN_POSTGRESQL = "postgresql";

export type StartupPacket =
  | { readonly kind: "ssl" }
  | { readonly kind: "gssenc" }
  | { readonly kind: "cancel"; readonly processId: number; readonly key: Buffer }
  | {
      readonly kind: "startup";
      /** Minor version of protocol 3. */
      readonly minor: number;
      readonly parameters: ReadonlyMap<string, string>;
      /** Options of the protocol itself (`_pq_.…`) that were asked for. */
      readonly protocolOptions: readonly string[];
    };

export type StartupRead =
  | { readonly state: "more" }
  | { readonly state: "packet"; readonly packet: StartupPacket; readonly usedBytes: number }
  | { readonly state: "broken"; readonly fault: string };

/** Reads the first packet of `bytes`; `more` until it is complete. */
export function readStartup(bytes: Buffer): StartupRead {
  if (bytes.length < 4) return { state: "more" };
  const lengthBytes = bytes.readInt32BE(0);
  if (lengthBytes < 8 || lengthBytes > STARTUP_BYTES_MAX)
    return { state: "broken", fault: "the startup packet has an impossible length" };
  if (bytes.length < lengthBytes) return { state: "more" };
  try {
    const packet = readPacket(new BodyReader(bytes, 4, lengthBytes), lengthBytes);
    if (typeof packet === "string") return { state: "broken", fault: packet };
    return { state: "packet", packet, usedBytes: lengthBytes };
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    return { state: "broken", fault: "the startup packet is malformed" };
  }
}

function readPacket(reader: BodyReader, lengthBytes: number): StartupPacket | string {
  const code = reader.int32();
  if (code === SSL_REQUEST || code === GSSENC_REQUEST) {
    if (lengthBytes !== 8) return "the startup packet has an impossible length";
    return { kind: code === SSL_REQUEST ? "ssl" : "gssenc" };
  }
  if (code === CANCEL_REQUEST) {
    const keyBytes = lengthBytes - 12;
    if (keyBytes < 1 || keyBytes > CANCEL_KEY_BYTES_MAX)
      return "the cancel request's key has an impossible length";
    return { kind: "cancel", processId: reader.int32(), key: Buffer.from(reader.rest()) };
  }
  const major = code >>> 16;
  if (major !== 3) return `protocol ${major}.${code & 0xffff} is not spoken here; 3.0 and 3.2 are`;
  return readParameters(reader, code & 0xffff);
}

function readParameters(reader: BodyReader, minor: number): StartupPacket | string {
  const parameters = new Map<string, string>();
  const protocolOptions: string[] = [];
  for (;;) {
    const name = reader.cstring();
    if (name === "") break;
    const value = reader.cstring();
    // Which of two would hold depends on the reader, so neither does.
    if ((parameters.get(name) ?? value) !== value) return "a startup parameter is given two values";
    if (name.startsWith("_pq_.")) protocolOptions.push(name);
    else parameters.set(name, value);
  }
  reader.done();
  return { kind: "startup", minor, parameters, protocolOptions };
}

export const sslRequest = (): Buffer => Buffer.concat([int32(8), int32(SSL_REQUEST)]);
export const gssencRequest = (): Buffer => Buffer.concat([int32(8), int32(GSSENC_REQUEST)]);

export function cancelRequest(processId: number, key: Uint8Array): Buffer {
  return Buffer.concat([int32(12 + key.length), int32(CANCEL_REQUEST), int32(processId), key]);
}

export function startupMessage(version: number, parameters: Readonly<Record<string, string>>): Buffer {
  const pairs = Object.entries(parameters).map(([name, value]) =>
    Buffer.concat([cstring(name), cstring(value)]),
  );
  const body = Buffer.concat([int32(version), ...pairs, Buffer.of(0)]);
  return Buffer.concat([int32(body.length + 4), body]);
}
