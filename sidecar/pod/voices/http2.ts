/** HTTP/2 without TLS, as gRPC in a cluster speaks it: no stream is taken, and GOAWAY says why (RFC 9113, section 6.8). */
import { type Voice, beginsWith } from "./voice.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const SETTINGS = 0x4;
const GOAWAY = 0x7;
/** Nothing was processed, so that the client may try again. */
const REFUSED_STREAM = 0x7;

export const http2: Voice = {
  recognises: (bytes) => beginsWith(bytes, PREFACE),
  refuse(_bytes, { code, publicText }) {
    const last = Buffer.alloc(8);
    last.writeUInt32BE(REFUSED_STREAM, 4);
    const why = Buffer.from(`${code}: ${publicText}`);
    return {
      kind: "last",
      bytes: Buffer.concat([frame(SETTINGS, Buffer.alloc(0)), frame(GOAWAY, Buffer.concat([last, why]))]),
    };
  },
};

function frame(type: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  return Buffer.concat([head, payload]);
}
