/** Heads that we send. */
import type { Fields } from "./fields.ts";

/** Ends with the empty line. */
export function requestHead(method: string, target: string, fields: Fields): Buffer {
  return headOf(`${method} ${target} HTTP/1.1`, fields);
}

export function responseHead(status: number, reason: string, fields: Fields): Buffer {
  return headOf(`HTTP/1.1 ${status} ${reason}`, fields);
}

/** A field whose value is a secret: it never is a string, and whoever has sent the bytes wipes them. */
export function secretField(name: string, scheme: string, secret: Uint8Array): Buffer {
  const before = `${name}: ${scheme} `;
  const bytes = Buffer.allocUnsafeSlow(before.length + secret.length + 2);
  bytes.write(before, "latin1");
  bytes.set(secret, before.length);
  bytes.write("\r\n", before.length + secret.length, "latin1");
  return bytes;
}

/** `secret` comes before the other fields. In a buffer of its own, to be wiped. */
export function withSecret(head: Buffer, secret: Buffer): Buffer {
  const lineEnd = head.indexOf("\r\n") + 2;
  const whole = Buffer.allocUnsafeSlow(head.length + secret.length);
  head.copy(whole, 0, 0, lineEnd);
  secret.copy(whole, lineEnd);
  head.copy(whole, lineEnd + secret.length, lineEnd);
  return whole;
}

export const CHUNKS_END = Buffer.from("0\r\n\r\n");

export function chunkOf(content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${content.length.toString(16)}\r\n`), content, Buffer.from("\r\n")]);
}

function headOf(line: string, fields: Fields): Buffer {
  const lines = [line, ...fields.map(([name, value]) => `${name}: ${value}`), "", ""];
  return Buffer.from(lines.join("\r\n"), "latin1");
}
