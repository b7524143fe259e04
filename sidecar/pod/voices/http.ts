/** HTTP/1: 503 with the code in its body, and the connection closed. */
import type { Voice } from "./voice.ts";

const METHOD = /^[A-Z]{1,20}(?: |$)/;
/** Where HTTP/2 begins like a request. */
const PREFACE = "PRI ";
const LINE_END = 0x0a;

export const http: Voice = {
  recognises(bytes) {
    const text = bytes.toString("latin1", 0, 21);
    if (!METHOD.test(text) || text.startsWith(PREFACE)) return false;
    return text.includes(" ") ? true : undefined;
  },
  refuse(bytes, { code, publicText }) {
    if (!bytes.includes(LINE_END)) return { kind: "more" };
    const body = `${JSON.stringify({ code, message: publicText })}\n`;
    const head = [
      "HTTP/1.1 503 Service Unavailable",
      "Content-Type: application/json",
      `Content-Length: ${Buffer.byteLength(body)}`,
      "Cache-Control: no-store",
      "Connection: close",
      "",
      "",
    ].join("\r\n");
    const isHead = bytes.toString("latin1", 0, 5) === "HEAD ";
    return { kind: "last", bytes: Buffer.from(isHead ? head : head + body) };
  },
};
